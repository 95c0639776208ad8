"""Where jtorch differs from PyTorch's tables, with a reason for each row: deviations.json, and README's section of it.

python -m tests.tables.deviations      writes the section
"""

import json
from pathlib import Path

from tests import ROOT
from tests.tables.corpora import READ

TITLE = "## What differs from PyTorch"
GROUPS = json.loads((Path(__file__).parent / "deviations.json").read_text())  # title -> row -> reason
REASONS = {row: reason for rows in GROUPS.values() for row, reason in rows.items()}


def section() -> str:
    """The text of README's section, with its title."""
    total = sum(len(table["cases"]) for table in READ.values())
    lines = [
        TITLE,
        "",
        f"[tests/fixtures/facts](tests/fixtures/facts) holds {total} lines of code, each with what PyTorch 2.13 did: its"
        " text,",
        "its errors and warnings, its graph nodes, its views, its random numbers. `pytest tests/tables/test_corpora.py` runs"
        " them",
        f"all under jtorch. These {len(REASONS)} come out differently, and a test fails if one of them does not:",
        "",
    ]
    for title, rows in GROUPS.items():
        lines += [f"- **{title}**", *(f"  - `{row.partition(': ')[2]}`: {reason}" for row, reason in rows.items())]
    lines += ["", "What an op does otherwise than PyTorch's stands in its docstring under *Differs from torch*.", ""]
    return "\n".join(lines)


def parts(text: str) -> tuple[str, str, str]:
    """README before, in and after the section."""
    before, title, rest = text.partition(TITLE)
    own, heading, after = rest.partition("\n## ")
    return before, title + own + "\n" * bool(heading), heading[1:] + after


def main() -> None:
    readme = ROOT / "README.md"
    before, _, after = parts(readme.read_text())
    readme.write_text(before + section() + "\n" + after)


if __name__ == "__main__":
    main()
