"""Draw docs/images/training_step.png, the figure of how-it-works.md. Run: python docs/make_figures.py"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch

IMAGES = Path(__file__).with_name("images")
STAGES = [  # (folder, what it does, what it hands on)
    ("your code", "y = F.relu(x @ w + b);  y.sum().backward();  opt.step()", "a call with tensors"),
    ("op", "the wrapper finds the interned call", "call, tensors"),
    ("tensor", "apply reads each tensor's newest value; wraps the result", "call, values"),
    ("grad", "a node keeps what backward needs; the pass records pullbacks", "pullbacks: more lines"),
    ("engine", "record adds one line to the trace: shapes known, nothing computed", "trace, at a cut"),
    ("XLA", "one program: forward, backward and update", ""),
]


def draw(path=IMAGES / "training_step.png") -> None:
    """The stages from top to bottom, an arrow from each to the next."""
    figure, axes = plt.subplots(figsize=(8, 5.2), layout="constrained")
    for i, (folder, text, handed) in enumerate(STAGES):
        y = len(STAGES) - 1 - i
        colour = "#e8f0fe" if folder not in ("your code", "XLA") else "#f1f3f4"
        axes.add_patch(FancyBboxPatch((0, y), 10, 0.55, "round,pad=0.02,rounding_size=0.08", fc=colour, ec="#5f6368"))
        axes.text(0.2, y + 0.275, folder, va="center", fontsize=11, fontweight="bold")
        axes.text(1.9, y + 0.275, text, va="center", fontsize=9.5)
        if handed:
            axes.annotate("", (5, y - 0.42), (5, y - 0.02), arrowprops={"arrowstyle": "-|>", "color": "#5f6368"})
            axes.text(5.15, y - 0.22, handed, va="center", fontsize=8.5, color="#5f6368")
    axes.set(xlim=(-0.1, 10.1), ylim=(-0.1, len(STAGES) - 0.35))
    axes.axis("off")
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    draw()
