"""Nothing that Python code does without ctypes ends the process by a signal: each block of crashes.txt in a process of its own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.attack import run

pytestmark = pytest.mark.attack

BLOCKS = dict(
    block.split("\n", 1)
    for block in re.split(r"^### ", (Path(__file__).parent / "crashes.txt").read_text(), flags=re.MULTILINE)[1:]
)
BEGIN = "import threading, gc\nimport jtorch.nn as nn\nos.chdir(sys.argv[1])\n"


@pytest.mark.parametrize("name", BLOCKS)
def test_no_program_crashes(name, tmp_path):
    done = run(BEGIN + BLOCKS[name], tmp_path, seconds=200)
    assert done.returncode in (0, 1), f"ended with {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    assert "end of the block" in done.stdout, done.stderr[-3000:]
