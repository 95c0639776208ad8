"""Type stubs: up to date, complete, right about results, and enough for a type checker to check typical programs."""

import ast
import importlib.util
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import jtorch as torch
from tests import ROOT
from tests.make import stubs as MAKER
from tests.ops import oprows

USES = Path(__file__).with_name("typing_uses.py")


STUBS = MAKER.makers()
TENSOR = ROOT / "jtorch/core/tensor/tensor.pyi"


@pytest.mark.parametrize("path", STUBS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_stub_is_fresh(path):
    text = path.read_text() if path.exists() else None
    assert text == STUBS[path](), "run: python -m tests.make stubs"


def test_no_stub_is_forgotten():
    assert {*(ROOT / "jtorch").rglob("*.pyi")} == STUBS.keys()
    assert (ROOT / "jtorch/py.typed").exists()


def declared(body):
    """Name -> the types of its results, of the functions in a stub's body; other names have none."""
    found = {}
    for node in body:
        if isinstance(node, ast.FunctionDef):
            found.setdefault(node.name, []).append(ast.unparse(node.returns))
        elif isinstance(node, ast.ClassDef):
            found[node.name] = []
        elif isinstance(node, ast.AnnAssign):
            found[node.target.id] = []
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname: [] for alias in node.names if alias.asname}
    return found


DECLARED = {path: declared(ast.parse(path.read_text()).body) for path in STUBS if path.exists()}
METHODS = declared(next(n for n in ast.parse(TENSOR.read_text()).body if isinstance(n, ast.ClassDef)).body)


def test_every_attribute_of_a_tensor_is_declared():
    missing = {n for n in dir(torch.Tensor) if not n.startswith("_") and n not in METHODS}
    assert not missing
    assert {"__getitem__", "__add__", "__radd__", "__iadd__", "__len__", "__matmul__", "__invert__"} <= METHODS.keys()


@pytest.mark.parametrize("name", MAKER.MODULES)
def test_every_name_of_a_module_is_declared(name):
    path = next(
        p for p in STUBS if ".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") == name
    )
    public = {n for n, _ in MAKER.public(importlib.import_module(name))}
    assert not public - DECLARED[path].keys()


def promised(name):
    """The types that the stub gives for a function's result; the function has its name in the tables of samples."""
    home, _, last = name.rpartition(".")
    path = ROOT / "jtorch" / Path(*home.split("."))
    stub = DECLARED[path / "__init__.pyi" if path.is_dir() else path.with_suffix(".pyi")]
    if not home and last not in stub:
        stub = DECLARED[ROOT / "jtorch/nn/functional.pyi"]
        stub = stub if last in stub else METHODS
    return stub[last]


def kept(result, promise):
    """Whether a result has the type that the stub gives."""
    base = promise.replace("builtins.", "").partition("[")[0].removeprefix("_")
    if " | " in promise or base == "Any":
        return True
    if base.startswith("return_types."):
        return type(result).__name__ == base.removeprefix("return_types.")
    return isinstance(result, torch.Tensor) if base == "Tensor" else type(result).__name__ in (base, f"{base}Type")


ROWS = [
    (name, args, {k: v for k, v in kwargs.items() if k != "grad"})
    for samples in oprows.families().values()
    for name, _, args, kwargs in oprows.rows(samples)
]


def test_results_are_what_the_stubs_say():
    """Records every row of the samples, without computing: the stub names the class of the result."""
    wrong, seen = [], 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, args, kwargs in [row for row in ROWS if not row[0].startswith("ops.")]:  # torch.ops has no stub
            try:
                given = oprows.tensors(torch, args), {k: oprows.tensors(torch, v) for k, v in kwargs.items()}
                result = oprows.function(torch, name)(*given[0], **given[1])
            except Exception:  # rows about errors
                continue
            seen += 1
            promises = promised(name)  # no entry: its own source says what it returns
            if promises and not any(kept(result, promise) for promise in promises):
                wrong.append((name, type(result).__name__, promises))
    assert not wrong
    assert seen > 1000


def test_methods_without_arguments_give_what_the_stub_says():
    wrong = []
    for name, promises in METHODS.items():
        if name.startswith("_"):
            continue
        x = torch.tensor([[2.0, 1.0], [1.0, 2.0]])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                result = getattr(x, name)
                result = result() if callable(result) and not isinstance(result, type) else result
            except Exception:  # it needs arguments, or another tensor
                continue
        if not any(kept(result, promise) for promise in promises):
            wrong.append((name, type(result).__name__, promises))
    assert not wrong


def test_a_type_checker_passes_over_the_stubs_the_examples_and_typical_uses(tmp_path):
    mypy = shutil.which("mypy") or shutil.which("mypy", path=os.path.dirname(sys.executable))
    if mypy is None:
        pytest.skip("mypy is not installed")
    files = [*map(str, STUBS), str(USES), str(ROOT / "examples")]
    done = subprocess.run(
        [mypy, "--cache-dir", str(tmp_path), *files], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
