"""docs/upstream.md: of each of PyTorch's test files, how many tests pass, fail and are not applicable."""

from collections import Counter
from pathlib import Path

from tests import ROOT
from tests.upstream.judging import judged
from tests.upstream.running import FILES, LIMIT, expected, results

PAGE = ROOT / "docs/upstream.md"


def page(folder):
    """The text of the page, of what the results in `folder` hold."""
    rows, reasons, failed = [], Counter(), {}
    for file in FILES:
        held, asked = results(folder, "jtorch", file), expected(folder, file)
        found = {name: judged(name, held[name]) for name in asked if name in held}
        if not found:
            continue
        counts = Counter("apart" if f not in ("passed", "failed") else f for f in found.values())
        reasons.update(f for f in found.values() if f not in ("passed", "failed"))
        failed[file] = [name for name, f in found.items() if f == "failed"]
        applicable = counts["passed"] + counts["failed"]
        rate = f"{100 * counts['passed'] / max(applicable, 1):.1f} %"
        total = len(results(folder, "torch", file))
        tried = len(found), counts["apart"], counts["passed"], counts["failed"]
        rows.append(f"| `{file}.py` | {total} | {len(asked)} | {' | '.join(map(str, tried))} | {rate} |")
    return "\n".join([
        "# PyTorch's own test files",
        "",
        "Made by `python -m tests.make upstream`; do not edit.",
        "",
        "The test methods of these files run with `import torch` meaning jtorch, and with PyTorch's own tools for tests. The",
        "files are read from a checkout of PyTorch (here of 2.6: the newest that could be had), which the variable",
        "`PYTORCH_SOURCE` names, the tools from the installed PyTorch 2.13. What PyTorch 2.13 itself does not pass on the CPU",
        f"is not asked. A test has {LIMIT} s of the processor. *Tried*: of the variants of a test for several dtypes or",
        "devices, the first at least. A run may be a part: of `test_linalg.py`, with 1,178 tests, 190 of the 238 first variants.",
        "",
        "| file | run under PyTorch | passed there | tried | not applicable | passed | failed | of what is applicable |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
        *rows,
        "",
        "Not applicable ([not_applicable.json](../tests/upstream/not_applicable.json) has the rules):",
        "",
        *(f"- {reason}: {count}" for reason, count in reasons.most_common()),
        "",
        "What fails:",
        "",
        *(f"- `{file}.py`: {_listed(names)}" for file, names in failed.items() if names),
        "",
    ])  # fmt: skip


def _listed(names):
    return ", ".join(f"`{name}`" for name in names)


def write(folder):
    PAGE.write_text(page(Path(folder)))
