"""Follows README's recipe "Add an op" literally, in a copy of the repository that cannot import PyTorch."""

import os
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from tests import ROOT

RECIPE = re.search(r"^## Add an op\n(.*?)^## ", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)[1]
COPIED = ["jtorch", "tests", "bench", "pyproject.toml", "README.md"]


@pytest.fixture
def copy(tmp_path):
    """A copy of the repository's files, and beside it a `torch` that cannot be imported."""
    copied = tmp_path / "copied"
    for name in COPIED:
        source, target = ROOT / name, copied / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy(source, target)
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    (blocked / "sitecustomize.py").write_text("import sys\nsys.modules['torch'] = None\n")
    return copied, blocked


def written(pattern):
    return re.search(pattern, RECIPE, re.DOTALL | re.MULTILINE)[1]


def run(copy, command):
    """Run README's command in this Python."""
    copied, blocked = copy
    words = shlex.split(command)
    assert words[0] == "pytest"
    done = subprocess.run(
        [sys.executable, "-m", *words, "-n", "0"],
        cwd=copied,
        env=os.environ | {"PYTHONPATH": f"{blocked}{os.pathsep}{copied}"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def test_an_op_is_a_function_and_a_row_of_samples(copy):
    copied, _ = copy
    file, samples = written(r"`soft_step` in `([\w/]+\.py)`"), written(r"here to `([\w/]+\.py)`")
    command, row = written(r"^`(pytest [^`]+)`"), written(r'^```\n( +".*?)^```')
    declared = written(r"(^@op.*?)\n\n\n")
    (copied / file).write_text((copied / file).read_text() + "\n\n" + declared + "\n")
    failed, text = run(copy, command)
    assert failed
    assert "without a row of samples: soft_step. Add one to tests/ops/samples" in text

    before, start, after = (copied / samples).read_text().partition("SAMPLES = {\n")
    unknown = re.sub(r', "reference": .*?\}\)', "})", row).replace("soft_step", "every_op_")  # no fixture has this row
    (copied / samples).write_text(before + start + row + unknown + after)
    failed, text = run(copy, command)
    assert "1 failed, 2 passed" in text
    assert "Where PyTorch 2.13 is installed, `python -m tests.make ops math` writes it" in text
