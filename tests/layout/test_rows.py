"""A dtype is one row of a table, a kind of device too: a row added to the table works everywhere."""

import ast
import os
import shutil
import subprocess
import sys

import pytest

import jtorch as torch
from jtorch.core.facts import devices, dtypes
from jtorch.serialization import global_names
from tests import ROOT

# ---- dtypes

ROW = """
float8_e4m3b11fnuz = dtype("float8_e4m3b11fnuz", ml_dtypes.float8_e4m3b11fnuz, "Float8_e4m3b11fnuz", "c10::Float8_e4m3b11fnuz", FLOAT,
                        alias="odd", method="odd", partner="complex64", tolerance=(0.25, 0.5))
"""

# Asks about every property of a dtype, for one that is added to this program's copy of jtorch.
PROGRAM = """
import io, pickle
import numpy as np
import jtorch as torch
from jtorch.core.facts import dtypes
from jtorch.serialization import global_names

new = dtypes.float8_e4m3b11fnuz
if hasattr(torch, "float8_e4m3b11fnuz"):
    assert torch.float8_e4m3b11fnuz is new and torch.odd is new
assert pickle.loads(pickle.dumps(new)) is new
x = torch.tensor([1.0, 2.0], dtype=new)
assert str(x) == "tensor([1., 2.], dtype=torch.float8_e4m3b11fnuz)", x
assert torch.ones(2).odd().dtype is new and x.element_size() == 1 and x.float().tolist() == [1.0, 2.0]
assert torch.finfo(new).max == 30.0 and new.digits == 4 and new.to_complex() is torch.complex64
assert torch.promote_types(new, torch.int64) is new and (x * 2).dtype is new
assert torch.from_numpy(np.zeros(2, new.np)).dtype is new
assert x.type() == "torch.Float8_e4m3b11fnuzTensor" and torch.ones(2).type(x.type()).dtype is new
assert "Float8_e4m3b11fnuzTensor" in dtypes.TENSOR_TYPES
torch.testing.assert_close(torch.tensor([1.5], dtype=new), torch.tensor([1.0], dtype=new))
file = io.BytesIO()
torch.save({"x": x}, file)
file.seek(0)
loaded = torch.load(file)["x"]
assert loaded.dtype is new and loaded.float().tolist() == [1.0, 2.0]
assert global_names.storage_type("Float8_e4m3b11fnuzStorage").dtype is new
assert (torch.rand(3, dtype=torch.float32).to(new).float() < 2).all()
try:
    torch.full((2,), 1e6, dtype=new)
except RuntimeError as error:
    assert str(error) == "value cannot be converted to type c10::Float8_e4m3b11fnuz without overflow", error
else:
    raise AssertionError("1e6 does not fit")
print("known everywhere")
"""


def test_a_new_dtype_is_one_row(tmp_path):
    shutil.copytree(ROOT / "jtorch", tmp_path / "jtorch", ignore=shutil.ignore_patterns("__pycache__"))
    table = tmp_path / "jtorch/core/facts/dtypes.py"
    before, after = table.read_text().split("\nALL = ", 1)
    table.write_text(f"{before}{ROW}\nALL = {after}")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"PYTHONPATH": str(tmp_path), "JTORCH_CACHE": "0"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "known everywhere\n", done.stderr


@pytest.mark.parametrize("d", dtypes.ALL, ids=str)
def test_what_is_derived_from_a_row(d):
    assert getattr(torch, d.name) is d
    assert d.alias is None or getattr(torch, d.alias) is d
    assert global_names.find("torch", d.name) is d
    assert d.limited or global_names.find("torch", d.storage_name).dtype is d
    assert d.python is None or torch.zeros(1, dtype=d.python).dtype is d
    if isinstance(d, dtypes.Layoutless):
        with pytest.raises(NotImplementedError, match="neither NumPy nor XLA has"):
            torch.zeros(2).to(d)
        return
    if d.np is not None:
        assert dtypes.of(d.np) is d
        assert torch.zeros(2).to(d).dtype is d
    if d.method is not None:
        assert getattr(torch.zeros(2), d.method)().dtype is d
    if f"{d.scalar_name}Tensor" in dtypes.TENSOR_TYPES:
        assert isinstance(torch.zeros(2, dtype=d), getattr(torch, f"{d.scalar_name}Tensor"))
        assert issubclass(type(getattr(torch.cuda, f"{d.scalar_name}Tensor")), type)


def test_the_partners_of_dtypes_agree():
    for d in dtypes.ALL:
        assert (d.to_real().category == dtypes.FLOAT) is (d.category in (dtypes.FLOAT, dtypes.COMPLEX)), d
        if d.is_complex:
            assert d.to_real().to_complex() is d, d


# ---- kinds of devices

# Files that PyTorch names after one kind of device, or that hold PyTorch's lists of ops for one kind.
APART = ("jtorch/cuda/", "jtorch/cpu/", "jtorch/backends/", "jtorch/core/facts/devices.py")
KINDS = {*devices.KINDS, *(p for kind in devices.KINDS.values() for p in kind.platforms)} - {"lazy", "ve", "hip"}


def literals(node):
    """The strings in a node: the node itself, or the items of a tuple, list or set."""
    nodes = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
    return {n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def decisions(tree):
    """The lines that choose by a string: comparisons, `match`, keys of a dict, `startswith`."""
    of_an_op = {
        k.value for k in ast.walk(tree) if isinstance(k, ast.keyword) and k.arg == "autocast"
    }  # PyTorch's lists
    for node in ast.walk(tree):
        if node in of_an_op:
            continue
        if isinstance(node, ast.Compare):
            found = set().union(*map(literals, [node.left, *node.comparators]))
        elif isinstance(node, ast.Dict):
            found = set().union(*(literals(k) for k in node.keys if k is not None))
        elif isinstance(node, ast.MatchValue):
            found = literals(node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "startswith":
            found = set().union(*map(literals, node.args))
        else:
            continue
        yield node, found


def test_nothing_is_decided_by_the_name_of_a_kind_of_device():
    """A new kind of device is a row of `devices.KINDS`; code that depends on the kind reads the row."""
    found = []
    for path in sorted((ROOT / "jtorch").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(APART):
            for node, strings in decisions(ast.parse(path.read_text())):
                if strings & KINDS and not _methods(node):
                    found.append(f"{name}:{node.lineno} {sorted(strings & KINDS)}")
    assert not found


def _methods(node):
    """Whether a dict is a table of methods, which may have a kind's name: Tensor.cpu, Tensor.cuda."""
    return isinstance(node, ast.Dict) and len(node.keys) > 8


def test_the_rows_of_devices_are_complete():
    kinds = devices.KINDS.values()
    assert [kind.name for kind in kinds if kind.host] == ["cpu"]
    ranks = [kind.file_rank for kind in kinds if kind.file_rank is not None]
    assert len(ranks) == len(set(ranks))
    for kind in kinds:
        assert getattr(torch.ones(1), f"is_{kind.name}") is kind.host if kind.has_property else True
        assert torch.device(kind.name).type == kind.name
        assert torch.amp.is_autocast_available(kind.name) is (kind.autocast is not None)
        if kind.tensor_types:
            assert torch.ones(1).type("torch.FloatTensor").dtype is torch.float32
