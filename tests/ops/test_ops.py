"""Every op on every row of samples, against PyTorch's results (fixtures/ops_*.npz)."""

import functools
import importlib

import numpy as np
import pytest

import jtorch
from jtorch.core import engine
from jtorch.core.engine import policy
from jtorch.core.op.op import OPS
from tests import FIXTURES
from tests.ops import oprows
from tests.tables.expressions import FOLDER, read

FAMILIES = oprows.families()
EXPECTED = {family: oprows.load(path) for family in FAMILIES if (path := FIXTURES / f"ops_{family}.npz").exists()}
ROWS = [(family, *row) for family, samples in FAMILIES.items() for row in oprows.rows(samples)]
PARAMETERS = pytest.mark.parametrize(
    "family, name, i, args, kwargs", ROWS, ids=[f"{name}-{i}" for _, name, i, _, _ in ROWS]
)


@functools.cache
def pytorch():
    """PyTorch where it is installed, else None."""
    try:
        return importlib.import_module("torch")
    except ImportError:
        return None


def expected_of(family, name, i, args, kwargs):
    """The expected result of a row: of its own reference, from the fixture, or else of PyTorch, computed now."""
    if "reference" in kwargs:
        return oprows.by_reference(args, kwargs)
    found = EXPECTED.get(family, {}).get((name, i))
    if found is not None:
        return found
    torch = pytorch()
    if torch is None:
        pytest.fail(
            f"Nobody knows what row {i} of {name} should give. "
            f"Where PyTorch 2.13 is installed, `python -m tests.make ops {family}` writes it into tests/fixtures. "
            'For an op that PyTorch does not have give the row a "reference": a function of NumPy arrays.',
            pytrace=False,
        )
    try:
        oprows.function(torch, name)
    except AttributeError:
        pytest.fail(f'PyTorch has no {name}: give the row a "reference", a function of NumPy arrays.', pytrace=False)
    found = EXPECTED.setdefault(family, {})[name, i] = oprows.evaluate(torch, name, args, kwargs)
    return found


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


GIVEN = {  # ops whose gradient PyTorch's backward refuses and jtorch computes
    ("nn.functional.adaptive_avg_pool2d", 5): "zeros where there are no windows: nothing else can be meant",
}


def same_gradient(family, name, i, mine, theirs):
    """Compare gradients. If PyTorch refuses one, its error stands in its place as text."""
    if theirs.dtype.kind != "U":
        close(family, name, mine, theirs)
    elif (name, i) in GIVEN:
        assert mine.dtype.kind == "f"
        assert not mine.any()
    else:
        assert mine == theirs


def raises(expected):
    facts = expected["facts"]
    return bool(facts) and isinstance(facts[0], str)


@pytest.fixture(autouse=True)
def _any_number_of_new_programs(monkeypatch):
    """Each row is a new trace that does not come again, so the limits on new programs are lifted."""
    for limit in ("trusted_steps", "trusted_lines", "trusted_traces", "long_trace"):
        monkeypatch.setattr(policy, limit, 10**9)
    yield
    engine.reset()


LOOKS = {"inverse", "pinverse"}  # they read values themselves, which ends the trace: it is compiled when it comes again


def evaluate(expected, name, i, args, kwargs):
    """The results of the op's three forms: (the function's, the method's, a base that was written to in place)."""
    other = []

    def record_other_forms(given):
        if not raises(expected):
            kept = {k: oprows.tensors(jtorch, v) for k, v in oprows.of_the_op(kwargs).items()}
            other.extend([by_method(name, given, kept), through_a_view(expected, name, args, kept)])
        if i != 1:  # the other rows run line by line, as new traces usually do
            engine.flush("step")

    return oprows.evaluate(jtorch, name, args, kwargs, record_other_forms), *(other or [None, None])


def by_method(name, given, kwargs):
    """The results of the method; None if there is none or if it is the function itself. It takes the same tensors, so XLA
    compiles the program once."""
    method = getattr(jtorch.Tensor, name, None)
    if not callable(method) or method is getattr(jtorch, name, None) or not isinstance(given[0], jtorch.Tensor):
        return None
    if name == "where":
        given = (given[1], given[0], given[2])
    return oprows.leaves(jtorch, method(*given, **kwargs)) if isinstance(given[0], jtorch.Tensor) else None


def through_a_view(expected, name, args, kwargs):
    """A base, after the in-place form wrote to its middle part through a transposed view; None if there is no such form."""
    inplace = getattr(jtorch.Tensor, name + "_", None)
    if inplace is None or not isinstance(args[0], np.ndarray) or args[0].ndim != 2:
        return None
    x, result = args[0], expected["values"][0]
    if result.shape != x.shape or not np.can_cast(result.dtype, x.dtype, "same_kind"):
        return None
    if np.iscomplexobj(x) and not np.iscomplexobj(result):  # as of abs_, which PyTorch refuses
        return None
    base = jtorch.tensor(np.stack([np.zeros_like(x.T), x.T, np.ones_like(x.T)]))
    view = base[1].t()
    assert inplace(view, *oprows.tensors(jtorch, args[1:]), **kwargs) is view
    return base


@PARAMETERS
def test_results_are_pytorchs(family, name, i, args, kwargs):
    expected = expected_of(family, name, i, args, kwargs)
    mine, method, base = evaluate(expected, name, i, args, kwargs)
    assert expected["facts"] in (mine["facts"], None)
    for a, b in zip(mine["values"], expected["values"], strict=True):
        close(family, name, a, b)
    for a, b in zip(mine["grads"], expected["grads"], strict=True):
        same_gradient(family, name, i, a, b)
    for a, b in zip(method or [], expected["values"], strict=bool(method)):
        close(family, name, oprows.array(a), b)
    if base is not None:
        before, written, after = oprows.array(base)
        close(family, name, written.T, expected["values"][0].astype(args[0].dtype))
        assert not before.any()
        assert (after == 1).all()
    if i == 0:  # a trace that came before compiles nothing
        if name in LOOKS:
            evaluate(expected, name, i, args, kwargs)
        if compiles_of(expected, name, i, args, kwargs):  # other tests recorded it too, and it has now come often
            assert not compiles_of(expected, name, i, args, kwargs)


def compiles_of(*row):
    """How many programs one more evaluation compiles."""
    before = engine.counters.compiles
    evaluate(*row)
    return engine.counters.compiles - before


NAN_GOES_ON = """
    x.amax() x.amin() x.amax(0)[9] x.amin(1)[9] x.max() x.min() x.aminmax().max x.max(0).values[9] x.norm(inf) x.norm(-inf)
    torch.linalg.matrix_norm(x,inf) torch.maximum(x,one).sum() torch.minimum(x,one).mean() x.clamp(min=-1).sum()
    x.clamp(-1,1).sum() x.relu().sum() F.relu6(x).sum() F.hardtanh(x).sum() F.max_pool2d(x[None,None],2).sum()
    F.max_pool2d(x[None,None],3,2,1).sum() F.adaptive_max_pool2d(x[None,None],5).sum() x.logsumexp(1)[9] x.softmax(1).sum()
    x.log_softmax(0).sum() x.std() x.sort(1).values[9].sum() x.cummax(0).values[-1].sum() x.corrcoef().sum()
    F.margin_ranking_loss(x,one,one) F.hinge_embedding_loss(x,-one) F.cosine_embedding_loss(x,one,-one[0])
    F.triplet_margin_loss(x,one,one,swap=True) F.huber_loss(x,one) F.smooth_l1_loss(x,one) F.l1_loss(x,one)
    F.binary_cross_entropy_with_logits(x,one) F.gaussian_nll_loss(x,one,one) F.cross_entropy(x,one[0].long())
    F.cosine_similarity(x,one).sum() F.normalize(x).sum()
""".split()


@pytest.mark.parametrize("library", ["jtorch", pytest.param("torch", marks=pytest.mark.parity)])
def test_nan_propagates_through_large_arrays(library):
    """From 4,096 elements on, XLA calls a library whose maximum ignores NaN."""
    torch = pytest.importorskip(library)
    x = torch.linspace(0, 1, 64 * 64).reshape(64, 64)
    x[9, 9] = np.nan
    names = {"torch": torch, "F": torch.nn.functional, "inf": np.inf, "x": x, "one": torch.ones_like(x)}
    assert [row for row in NAN_GOES_ON if not eval(row, names).isnan()] == []
    for bad, word in (x, "input"), (x.nan_to_num(), "target"):
        with pytest.raises(RuntimeError, match=f"all elements of {word} should be between 0 and 1"):
            torch.nn.functional.binary_cross_entropy(torch.cat([bad] * 5), torch.cat([x] * 5)).item()


def of_jtorch(made):
    """Whether the op is defined in jtorch: tests, doctests and README's examples define ops, too."""
    fn = made.op.fn if hasattr(made, "op") else made
    return fn.__module__.partition(".")[0] == "jtorch" and not fn.__code__.co_filename.startswith("<doctest")


def test_every_op_has_rows():
    known = {n.rpartition(".")[2] for samples in FAMILIES.values() for n in samples}
    tables = [row for path in FOLDER.glob("*.txt") for row in read(path)[1]]  # these tables have another form of rows
    known |= {row.partition("(")[0].rpartition(".")[2] for row in tables}
    own = [n for n, made in OPS.items() if of_jtorch(made)]
    names = {n.removeprefix("linalg_").removeprefix("special_") for n in own}
    missing = ", ".join(sorted(names - known))
    assert not missing, f"without a row of samples: {missing}. Add one to tests/ops/samples*.py (README: Add an op)"
