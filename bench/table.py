"""`python -m bench.table`: the tables of docs/speed.md, written from what `bench.step`, `bench.record`, `bench.loops` and
`bench.ops` measured."""

from __future__ import annotations

import json
from pathlib import Path

from bench.loop_programs import WORKLOADS
from bench.ops import ENOUGH, OPERATORS, REASONS

ROOT = Path(__file__).parent.parent
NAMES = {
    "mlp": "8 × 32 MLP, Adam",
    "cnn4": "the notes' CNN, batch 4",
    "cnn64": "the notes' CNN, batch 64",
    "resnet18": "ResNet-18, 32×32, batch 32",
    "lstm": "LSTM language model, 2 layers, length 35, batch 20",
    "gpt": "GPT, 6 layers of 384, length 128, batch 8",
    "vae": "VAE, 784-400-20, batch 128",
}
PAGE = ROOT / "docs/speed.md"
LAYOUTS = ("one core", "one GPU")


def table(layout) -> str:
    """Ratios on one core or one GPU, of a step and of the first step, start and memory."""
    results = json.loads((ROOT / "bench/results/step.json").read_text())[layout]
    lines = [
        "| workload | step ÷ textbook `jax.jit` | step ÷ PyTorch eager | first step ÷ textbook "
        "| second start ÷ first | memory ÷ textbook |",
        "|---|---|---|---|---|---|",
    ]
    for workload, name in NAMES.items():
        if workload in results:
            ours, textbook = results[workload]["jtorch"], results[workload]["jax"]
            ratios = (
                ours["ratio_to"]["jax"],
                ours["ratio_to"]["torch"],
                ours["first_step_s"] / textbook["first_step_s"],
                ours["second_start"]["first_step_s"] / ours["first_step_s"],
                ours["program_bytes"] / textbook["program_bytes"],
            )
            lines.append(f"| {name} | " + " | ".join(f"{r:.2f}" for r in ratios) + " |")
    return "\n".join(lines) + "\n"


def recording() -> str:
    """What it costs to record each statement, three in a row of the table."""
    us = json.loads((ROOT / "bench/results/record.json").read_text())["us"]
    cells = [f"`{statement}` | {row['jtorch']:.1f} | {row['torch']:.1f}" for statement, row in us.items()]
    cells += [" | | "] * (-len(cells) % 3)
    third = len(cells) // 3
    lines = ["|" + " statement | jtorch | PyTorch |" * 3, "|" + "---|---|---|" * 3]
    lines += [
        f"| {' | '.join(row)} |"
        for row in zip(cells[:third], cells[third : 2 * third], cells[2 * third :], strict=True)
    ]
    return "\n".join(lines) + "\n"


def loops() -> str:
    """Each loop that does not repeat: PyTorch's seconds, and the starts and the settled step in units of PyTorch's."""
    rows = json.loads((ROOT / "bench/results/loops.json").read_text())
    lines = ["| loop | PyTorch, s | first start | second start | step |", "|---|---|---|---|---|"]
    for name, (title, _) in WORKLOADS.items():
        if name in rows:
            ratios = [rows[name][what]["ratio"] for what in ("first start", "second start", "step")]
            lines.append(f"| {title} | {rows[name]['torch_s']:.1f} | " + " | ".join(f"{r:.2f}" for r in ratios) + " |")
    return "\n".join(lines) + "\n"


def operators() -> str:
    """Each large operator: milliseconds of both, their ratio, and the reason of one over `ENOUGH`."""
    path = ROOT / "bench/results/ops.json"
    if not path.exists():
        return ""
    rows = json.loads(path.read_text())["operators"]
    lines = ["| operator | jtorch, ms | PyTorch, ms | ratio | why |", "|---|--:|--:|--:|---|"]
    for name in OPERATORS:
        if name in rows:
            row = rows[name]
            why = REASONS.get(name, "not known") if row["ratio"] > ENOUGH else ""
            lines.append(f"| {name} | {row['jtorch_ms']:.1f} | {row['torch_ms']:.1f} | {row['ratio']:.2f} | {why} |")
    return "\n".join(lines) + "\n"


def written(page: str) -> str:
    """The page with the tables as they should be."""
    blocks = {f"speeds, {layout}": table(layout) for layout in LAYOUTS} | {"recording": recording(), "loops": loops()}
    blocks["operators"] = operators()
    for name, block in blocks.items():
        start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = page.partition(start)
        page = before + start + block + end + rest.partition(end)[2]
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
