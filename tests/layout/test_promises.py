"""docs/promises.md: each promise names the tests that check it, and those tests exist."""

import ast
import re

import pytest

from tests import ROOT

PAGE = (ROOT / "docs/promises.md").read_text()
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)))


@pytest.mark.parametrize("file, name", NAMED)
def test_a_test_that_holds_a_promise_is_there(file, name):
    tree = ast.parse((ROOT / file).read_text())
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_each_promise_names_a_test():
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith("| promise |")]
    assert len(rows) > 20
    assert all("::test_" in row.split(" | ")[1] for row in rows)
