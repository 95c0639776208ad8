"""Every op on every row of samples, against what PyTorch made of it (fixtures/ops_*.npz)."""

import json
from pathlib import Path

import numpy as np
import pytest

import jtorch
import oprows
from jtorch import engine
from jtorch.op import OPS
from tables import FOLDER, read

FAMILIES = oprows.families()
EXPECTED = {family: oprows.load(path) for family in FAMILIES
            if (path := oprows.HERE / "fixtures" / f"ops_{family}.npz").exists()}  # fmt: skip
ROWS = [(family, *row) for family in EXPECTED for row in oprows.rows(FAMILIES[family])]
PARAMETERS = pytest.mark.parametrize(
    "family, name, i, args, kwargs", ROWS, ids=[f"{name}-{i}" for _, name, i, _, _ in ROWS]
)

TOLERANCE = {  # relative to the largest value, for float32
    "linalg": 2e-4,  # factorisations amplify rounding
    "digamma": 1e-4,  # JAX's series are shorter than Cephes'
    "polygamma": 1e-4,
    "lgamma": 1e-4,
    "mvlgamma": 1e-4,
    "special.zeta": 1e-4,
}


def close(family, name, mine, theirs):
    """Compare arrays: dtype and shape exactly, values to the tolerance of their dtype."""
    assert mine.dtype == theirs.dtype
    assert mine.shape == theirs.shape
    if mine.dtype.kind not in "fc":
        np.testing.assert_array_equal(mine, theirs)
        return
    tolerance = TOLERANCE.get(name, TOLERANCE.get(family, 1e-5))
    if mine.dtype == np.float16:
        tolerance = 2e-3
    finite = np.abs(theirs[np.isfinite(theirs)]).astype("float64")
    np.testing.assert_allclose(mine, theirs, rtol=tolerance, atol=tolerance * max(1.0, finite.max(initial=0)))


def raises(family, name, i):
    facts = EXPECTED[family][name, i]["facts"]
    return bool(facts) and isinstance(facts[0], str)


@PARAMETERS
def test_result_is_pytorchs(family, name, i, args, kwargs):
    expected = EXPECTED[family][name, i]
    mine = oprows.evaluate(jtorch, name, args, kwargs)
    assert mine["facts"] == expected["facts"]
    for a, b in zip(mine["values"], expected["values"], strict=True):
        close(family, name, a, b)
    for a, b in zip(mine["grads"], expected["grads"], strict=True):
        close(family, name, a, b) if b.dtype.kind != "U" else a == b


@PARAMETERS
def test_method_is_the_function(family, name, i, args, kwargs):
    method = getattr(jtorch.Tensor, name, None)
    if method is None or raises(family, name, i) or not isinstance(args[0], np.ndarray):
        pytest.skip("no method, or an error")
    kwargs = {k: oprows.tensors(jtorch, v) for k, v in kwargs.items() if k != "grad"}
    given = oprows.tensors(jtorch, args)
    if name == "where":
        given = (given[1], given[0], given[2])
    if not isinstance(given[0], jtorch.Tensor):
        pytest.skip("the first argument is a number")
    found = oprows.leaves(jtorch, method(*given, **kwargs))
    for a, b in zip(found, EXPECTED[family][name, i]["values"], strict=bool(found)):
        close(family, name, oprows.array(a), b)


@PARAMETERS
def test_inplace_form_writes_through_a_view(family, name, i, args, kwargs):
    inplace = getattr(jtorch.Tensor, name + "_", None)
    if inplace is None or raises(family, name, i) or not isinstance(args[0], np.ndarray) or args[0].ndim != 2:
        pytest.skip("no in-place form")
    expected = EXPECTED[family][name, i]["values"][0]
    x = args[0]
    if expected.shape != x.shape or not np.can_cast(expected.dtype, x.dtype, "same_kind"):
        pytest.skip("the result does not fit into the input")
    base = jtorch.tensor(np.stack([np.zeros_like(x.T), x.T, np.ones_like(x.T)]))
    view = base[1].t()
    kwargs = {k: oprows.tensors(jtorch, v) for k, v in kwargs.items() if k != "grad"}
    result = inplace(view, *oprows.tensors(jtorch, args[1:]), **kwargs)
    assert result is view
    close(family, name, oprows.array(base)[1].T, expected.astype(x.dtype))
    assert not oprows.array(base)[0].any()
    assert (oprows.array(base)[2] == 1).all()


FIRST = [row for row in ROWS if row[2] == 0]


@pytest.mark.parametrize("family, name, i, args, kwargs", FIRST, ids=[name for _, name, *_ in FIRST])
def test_a_call_that_comes_back_compiles_nothing(family, name, i, args, kwargs):
    for _ in range(2):  # the first runs line by line, the second as one program
        oprows.evaluate(jtorch, name, args, kwargs)
    before = engine.counters.compiles
    oprows.evaluate(jtorch, name, args, kwargs)
    assert engine.counters.compiles == before


def of_jtorch(made):
    """Whether an op is jtorch's own: other tests, and README's examples, make ops too."""
    fn = made.op.fn if hasattr(made, "op") else made
    return fn.__module__.partition(".")[0] == "jtorch"


def test_every_op_has_rows():
    known = {n.rpartition(".")[2] for samples in FAMILIES.values() for n in samples}
    tables = [row for path in FOLDER.glob("*.txt") for row in read(path)[1]]  # these have rows of another kind
    known |= {row.partition("(")[0].rpartition(".")[2] for row in tables}
    own = [n for n, made in OPS.items() if of_jtorch(made) and not n.startswith("_")]
    names = {n.removeprefix("linalg_") for n in own}
    waiting = set(json.loads((Path(__file__).parent / "fixtures" / "waiting_rows.json").read_text()))
    assert sorted(names - known - waiting) == []
    assert sorted(waiting & known) == [], "they have rows now: take them off waiting_rows.json"
