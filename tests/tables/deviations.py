"""Where jtorch differs from PyTorch's tables, with a reason for each row (deviations.json), and docs/differences.md."""

import json
from pathlib import Path

from tests import ROOT
from tests.tables.corpora import READ

PAGE = ROOT / "docs/differences.md"
GROUPS = json.loads((Path(__file__).parent / "deviations.json").read_text())  # title -> row -> reason
REASONS = {row: reason for rows in GROUPS.values() for row, reason in rows.items()}

ELSEWHERE = ("op_db: ", "special values: ", "module_db: ", "fuzz: ")  # of tests/parity, tests/nn and tests/programs


def page() -> str:
    """The text of docs/differences.md."""
    total = sum(len(table["cases"]) for table in READ.values())
    elsewhere = [row for row in REASONS if row.startswith(ELSEWHERE)]
    samples = [row for row in elsewhere if row.startswith(("op_db: ", "module_db: "))]
    lines = [
        "# What differs from PyTorch",
        "",
        "Made by `python -m tests.make differences`; do not edit.",
        "",
        f"[tests/fixtures/facts](../tests/fixtures/facts) holds {total} lines of code and what PyTorch 2.13 does with each: its",
        "text, errors, warnings, graph nodes, views and random numbers. `pytest tests/tables/test_corpora.py` runs them all",
        f"under jtorch. {len(REASONS) - len(elsewhere)} of them come out differently. `pytest -m opinfo` runs PyTorch's own",
        f"samples of its operators, of which {len(samples)} comparisons of an operator come out differently ([op_db.md](op_db.md)",
        "has the rates). `pytest --long tests/parity/test_special_values.py` asks where NaN, infinities and zeros of either sign go.",
        "[fuzzing.py](../tests/programs/fuzzing.py) runs random programs, whose differences have the kinds below.",
        "A test fails if one of these does not differ:",
        "",
    ]
    for title, rows in GROUPS.items():
        lines += [f"- **{title}**", *(f"  - `{row.partition(': ')[2]}`: {reason}" for row, reason in rows.items())]
    lines += ["", "If an op differs from PyTorch, its docstring says how under *Differs from torch*.", ""]
    return "\n".join(lines)
