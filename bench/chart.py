"""`python -m bench.chart`: the chart of docs/images/speed.png, from what `python -m bench.step` measured on one core."""

from __future__ import annotations

import json

from bench.table import NAMES, ROOT

CHART = ROOT / "docs/images/speed.png"
BARS = (("torch", "PyTorch, eager", "#ee4c2c"), ("jax", "hand-written jax.jit", "#9aa0a6"))


def relative(layout="one core") -> dict[str, dict[str, float]]:
    """Workload -> contestant -> time of a step in units of jtorch's."""
    results = json.loads((ROOT / "bench/results/step.json").read_text())[layout]
    return {
        workload: {name: 1 / results[workload]["jtorch"]["ratio_to"][name] for name, *_ in BARS}
        for workload in NAMES
        if workload in results
    }


def draw(path=CHART) -> None:
    """One group of bars for each workload; the line at 1 is jtorch."""
    import matplotlib.pyplot as plt

    figures = relative()
    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    places = range(len(figures))[::-1]
    for i, (name, label, colour) in enumerate(BARS):
        lengths = [figures[workload][name] for workload in figures]
        bars = axes.barh([p + 0.2 - 0.4 * i for p in places], lengths, 0.38, label=label, color=colour)
        axes.bar_label(bars, [f"{length:.2f}" for length in lengths], padding=3, fontsize=8)
    axes.axvline(1, color="#1a73e8", linewidth=2, label="jtorch")
    axes.set_yticks(list(places), [NAMES[workload] for workload in figures], fontsize=8)
    axes.set_xlabel("time of a training step, jtorch = 1 (one core; longer is slower)")
    axes.margins(x=0.08)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    figure.savefig(path, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    draw()
