"""README.md and docs/how-it-works.md: every Python block runs and prints what the text block after it says."""

import contextlib
import io
import re
import tomllib

import pytest

from bench import table
from tests import ROOT

pytestmark = pytest.mark.optimized

README = (ROOT / "README.md").read_text()
PAGES = README, (ROOT / "docs/how-it-works.md").read_text()
BLOCK = re.compile(r"^```python\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)
BLOCKS = [block for page in PAGES for block in BLOCK.findall(page)]


@pytest.mark.parametrize("code, output", BLOCKS, ids=[f"block{i}" for i in range(len(BLOCKS))])
def test_a_block_of_the_readme_prints_what_it_says(code, output):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {"__name__": "__main__"})
    assert printed.getvalue() == output


def test_the_readme_is_short_enough_to_read():
    assert len(README.splitlines()) < 250


def test_the_readme_gives_the_two_commands():
    assert 'pip install -e ".[examples]" && python examples/mnist_cnn.py' in README.splitlines()
    assert 'pip install -e ".[test]" && pytest' in README.splitlines()


def test_every_file_that_the_readme_links_to_is_there():
    missing = [link for link in re.findall(r"\]\(([^)#:]+)\)", README) if not (ROOT / link).exists()]
    assert not missing


def test_the_readme_names_every_extra():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE)) >= extras.keys()


def test_the_table_of_speeds_is_what_was_measured():
    page = table.PAGE.read_text()
    assert table.written(page) == page, "run: python -m bench.table"
