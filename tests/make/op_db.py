"""docs/op_db.md: how many entries of PyTorch's `op_db` come out as PyTorch's, by kind of comparison."""

import json
import sys
from pathlib import Path

from tests import ROOT

PAGE = ROOT / "docs/op_db.md"


def make(measured="build/op_db.jsonl", part="0/1"):
    """Measures what the file `measured` does not hold yet, an entry and kind a line, and writes the page of all it holds.

    It takes about ten minutes; `part`, such as 1/4, is what one of several processes does.
    """
    path = Path(measured)
    path.parent.mkdir(exist_ok=True)
    held = rows(path)
    _measure(path, held, *map(int, part.split("/")))
    PAGE.write_text(page(rows(path)))


def rows(path):
    """{(name, kind): differences} as a file has them."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {(name, kind): found for name, kind, found in map(json.loads, lines)}


def _measure(path, held, part, parts):
    from tests.parity import examine

    with path.open("a") as file:
        for name in list(examine.ENTRIES)[part::parts]:
            for kind in examine.kinds(examine.ENTRIES[name]):
                if (name, kind) not in held:
                    print(json.dumps([name, kind, examine.examine(name, kind)]), file=file, flush=True)
                    sys.stderr.write(f"{name} {kind}\n")


def page(found):
    """The text of the page."""
    kinds = list(dict.fromkeys(kind for _, kind in found))
    lines = [
        "# PyTorch's own samples of its operators",
        "",
        "Made by `python -m tests.make op_db`; do not edit.",
        "",
        "`torch.testing._internal.common_methods_invocations.op_db` has samples of every operator, and of wrong calls.",
        "`pytest -m opinfo` (with the extra `parity`) runs eight samples of each public entry, but three for forward mode,",
        "in place, `out=`, inputs that are not contiguous, and further dtypes, and all wrong calls, under both libraries.",
        "",
        "- Values and gradients run line by line, then as a whole program and with `torch.eager()`; again on tensors of which",
        "  each is one number (0-dim), and on tensors whose first dimension has no entries.",
        "- An entry is right in a kind when all its samples are. Where float32 or a shorter type is rounded otherwise,",
        "  PyTorch's result for the same numbers in float64 decides: jtorch's may be twice as far from it as PyTorch's.",
        "- Of `out=` with a wrong dtype the text of the error is not compared; nor are errors for 0-dim and empty tensors,",
        "  only whether there is one.",
        "- `torch.masked`, which has a table of its own, and the jiterator, which jtorch does not have, are left out.",
        "- What is not right stands in [differences.md](differences.md), with a reason each.",
        "",
        "| compared | entries | right | |",
        "|---|--:|--:|--:|",
    ]
    for kind in kinds:
        each = [not any(d) for (_, k), d in found.items() if k == kind]
        lines.append(f"| {kind} | {len(each)} | {sum(each)} | {100 * sum(each) / len(each):.1f} % |")
    wrong = [d for (_, kind), ds in found.items() if kind == "errors" for d in ds]
    right = sum(not d for d in wrong)
    lines += [
        "",
        f"Of {len(wrong)} wrong calls {right} ({100 * right / len(wrong):.1f} %) raise PyTorch's type and text.",
        "",
    ]
    return "\n".join(lines)
