"""Small programs of many kinds, with their imports of torch changed, print what PyTorch prints.

tutorials/ has the programs; `python -m tests.make tutorials` runs them under PyTorch. Numbers may differ by 1e-3.
"""

import contextlib
import io
import json
import re
import sys
import types
import warnings
from pathlib import Path

import pytest

from tests.programs.notes.notebook import difference

FOLDER = Path(__file__).parent / "tutorials"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py"))
EXPECTED = json.loads((FOLDER / "expected.json").read_text())


def with_jtorch(source):
    """The source, with jtorch imported in place of torch and no other change."""
    source = re.sub(r"^import torch$", "import jtorch as torch", source, flags=re.MULTILINE)
    source = re.sub(r"^import torch\.([\w.]+) as\b", r"import jtorch.\1 as", source, flags=re.MULTILINE)
    return re.sub(r"^from torch\b", "from jtorch", source, flags=re.MULTILINE)


def printed(name, rewrite=str):
    """What a program prints when it runs as a script."""
    module, out = types.ModuleType("__main__"), io.StringIO()  # pickles look for a program's classes in __main__
    runner, sys.modules["__main__"] = sys.modules["__main__"], module
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(out):
            warnings.simplefilter("ignore")
            exec(compile(rewrite((FOLDER / f"{name}.py").read_text()), f"{name}.py", "exec"), vars(module))
    finally:
        sys.modules["__main__"] = runner
    return out.getvalue()


@pytest.mark.parametrize("name", NAMES)
def test_prints_what_pytorch_prints(name):
    assert difference(printed(name, with_jtorch), EXPECTED[name]) is None


@pytest.mark.parametrize("name", NAMES)
def test_expected_is_what_pytorch_prints_live(name):
    pytest.importorskip("torch", reason="parity: PyTorch is not installed")
    assert difference(printed(name), EXPECTED[name]) is None
