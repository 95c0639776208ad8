"""Printed text against PyTorch's, letter for letter: fixtures/printing.npz, and PyTorch itself if installed.

tests/make/printing.py writes the fixture and describes its rows.
"""

import copy
import importlib.util
import json
import math
import pickle
from contextlib import contextmanager

import jax
import ml_dtypes
import numpy as np
import pytest

import jtorch
from jtorch import return_types as returntypes
from jtorch.core.facts import dtypes
from jtorch.core.facts.limits import finfo, iinfo
from jtorch.core.tensor import printing
from tests.rows import fixture


def load_rows():
    with np.load(fixture("printing.npz", "printing")) as file:
        return json.loads(file["rows"].tobytes()), file["blob"].tobytes()


ROWS, BLOB = load_rows()
TABLE = [row for row in ROWS["tensor"] if row["label"] not in ("edge", "fuzz", "tangent")]


def dtype_named(name):
    return next(d for d in dtypes.ALL if d.name == name)


def numpy_type(name):
    return np.dtype("complex64") if name == "complex32" else dtype_named(name).np


def array_of(fact):
    if "at" not in fact:
        return None
    kind = numpy_type(fact["dtype"])
    values = np.frombuffer(BLOB, kind, math.prod(fact["shape"]), fact["at"])
    return values.reshape(fact["shape"])


def text_of(fact, array):
    look = fact["look"]
    text = printing.tensor_text(array, dtype_named(fact["dtype"]), size=tuple(fact["shape"]), **look)
    return "Parameter containing:\n" + text if fact.get("parameter") else text


@contextmanager
def settings(row):
    """The row's print options and default dtype."""
    before = dtypes.get_default_dtype()
    dtypes.set_default_float(dtype_named(row.get("default", "float32")))
    try:
        with printing.printoptions(**row.get("options", {})):
            yield
    finally:
        dtypes.set_default_float(before)


def printed(row):
    with settings(row):
        return text_of(row, array_of(row))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row["label"])
def test_tables_tensors_print_as_in_pytorch(row):
    assert printed(row) == row["text"]


@pytest.mark.parametrize("label", ["edge", "fuzz", "tangent"])
def test_tensors_print_as_in_pytorch(label):
    rows = [row for row in ROWS["tensor"] if row["label"] == label]
    assert len(rows) >= 10
    for row in rows:
        assert printed(row) == row["text"], {k: row[k] for k in row if k != "text"}


@pytest.mark.parametrize("row", ROWS["tuple"], ids=lambda row: row["label"])
def test_named_tuples_print_as_in_pytorch(row):
    class Shown:
        def __init__(self, fact):
            self.fact = fact

        def __repr__(self):
            return text_of(self.fact, array_of(self.fact))

    values = getattr(returntypes, row["name"])([Shown(fact) for fact in row["facts"]])
    assert repr(values) == row["text"]


@pytest.mark.parametrize("row", ROWS["size"], ids=lambda row: row["label"])
def test_sizes_print_as_in_pytorch(row):
    assert repr(jtorch.Size(row["size"])) == row["text"]


@pytest.mark.parametrize("row", ROWS["limits"], ids=lambda row: row["type"])
def test_limits_are_pytorchs(row):
    info = {"finfo": finfo, "iinfo": iinfo}[row["kind"]](dtype_named(row["type"]))
    assert repr(info) == str(info) == row["text"]
    assert {name: getattr(info, name) for name in row["numbers"]} == row["numbers"]
    assert all(type(getattr(info, name)) is type(value) for name, value in row["numbers"].items())


class Tensor:
    """What `formatted` asks of a tensor."""

    def __init__(self, row):
        self.row = row

    def dim(self):
        return self.row["dims"]

    def item(self):
        return eval(self.row["value"], {"inf": math.inf})

    def __repr__(self):
        return self.row["repr"]

    def __format__(self, spec):
        return printing.formatted(self, spec, plain=type(self) is Tensor)


class Parameter(Tensor):
    pass


@pytest.mark.parametrize("row", ROWS["format"], ids=lambda r: f"{r['kind']} {r['value']}:{r['spec']}")
def test_formatting_follows_pytorch(row):
    tensor = {"Tensor": Tensor, "Parameter": Parameter}[row["kind"]](row)
    if "text" in row:
        assert format(tensor, row["spec"]) == row["text"]
        return
    kind, message = row["error"]
    with pytest.raises(eval(kind)) as error:
        format(tensor, row["spec"])
    assert str(error.value) == message


def test_options_are_set_read_and_restored():
    plain = {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80, "sci_mode": None}
    with printing.printoptions():
        printing.set_printoptions(precision=7, sci_mode=True)
        printing.set_printoptions(linewidth=33)  # this resets sci_mode, as in PyTorch
        assert printing.get_printoptions() == plain | {"precision": 7, "linewidth": 33}
        printing.set_printoptions(profile="Short", linewidth=40)
        assert printing.get_printoptions() == plain | {"precision": 2, "edgeitems": 2, "linewidth": 40}
        printing.set_printoptions(profile="FULL")
        assert printing.get_printoptions() == plain | {"threshold": math.inf}
        printing.set_printoptions(profile="unheard of")
        assert printing.get_printoptions() == plain | {"threshold": math.inf}
    assert printing.get_printoptions() == plain


def test_options_return_after_an_exception():
    with pytest.raises(ZeroDivisionError), printing.printoptions(precision=1):
        1 / 0
    assert printing.get_printoptions()["precision"] == 4


def test_only_the_corner_of_a_large_array_is_read():
    class Watched(np.ndarray):
        def astype(self, *args, **kwargs):
            assert self.size == 6 * 6 * 6
            return super().astype(*args, **kwargs)

    large = np.zeros((300, 300, 300), np.float32).view(Watched)
    assert printing.tensor_text(large, dtypes.float32).count("0.") == 6 * 6 * 6


@pytest.mark.parametrize("shape", [(2500,), (50, 50), (5, 500), (2, 3, 200)])
def test_a_corner_fetched_beforehand_prints_the_same(shape):
    array = np.arange(math.prod(shape)).reshape(shape)
    fetched = array[printing.corner(shape)]
    assert fetched.size < array.size
    text = printing.tensor_text(array, dtypes.int64)
    assert printing.tensor_text(fetched, dtypes.int64, size=shape) == text


def test_a_small_tensor_has_no_corner():
    assert printing.corner((1000,)) is None
    assert printing.corner(()) is None


def test_the_device_comes_first():
    text = printing.tensor_text(np.zeros((0, 2)), dtypes.float64, device="cuda:0")
    assert text == "tensor([], device='cuda:0', size=(0, 2), dtype=torch.float64)"


def test_named_tuples_are_tuples_with_names():
    pair = returntypes.max((1, 2))
    values, indices = pair
    assert (values, indices, pair.values, pair.indices) == (1, 2, 1, 2)
    assert isinstance(pair, tuple)
    assert pair == (1, 2)
    assert hash(pair) == hash((1, 2))
    assert type(pair[:]) is tuple
    assert repr(type(pair)) == "<class 'torch.return_types.max'>"
    assert (type(pair).n_fields, type(pair).__match_args__) == (2, ("values", "indices"))
    for again in (copy.copy(pair), copy.deepcopy(pair), pickle.loads(pickle.dumps(pair))):
        assert type(again) is type(pair)
        assert again == pair


def test_jax_maps_over_named_tuples():
    doubled = jax.tree_util.tree_map(lambda x: 2 * x, returntypes.linalg_svd((1, 2, 3)))
    assert type(doubled) is returntypes.linalg_svd
    assert doubled == (2, 4, 6)


PAIR = returntypes.max((1, 2))
TYPE_ERRORS = [
    (lambda: returntypes.max(), "structseq() missing required argument 'sequence' (pos 1)"),
    (lambda: returntypes.max(3), "constructor requires a sequence"),
    (lambda: returntypes.max((1,)), "torch.return_types.max() takes a 2-sequence (1-sequence given)"),
    (lambda: returntypes.max((1, 2), 3), "torch.return_types.max() takes a dict as second arg, if any"),
    (
        lambda: finfo(dtypes.int32),
        "torch.finfo() requires a floating point input type. Use torch.iinfo to handle 'torch.finfo'",
    ),
    (
        lambda: iinfo(dtypes.complex64),
        "torch.iinfo() requires an integer input type. Use torch.finfo to handle 'torch.iinfo'",
    ),
    (lambda: iinfo(bool), "torch.bool is not supported by torch.iinfo"),
    (lambda: iinfo(), 'iinfo() missing 1 required positional arguments: "type"'),
    (lambda: finfo(None), "finfo(): argument 'type' (position 1) must be torch.dtype, not NoneType"),
    (lambda: iinfo("int8"), "iinfo(): argument 'type' (position 1) must be torch.dtype, not str"),
    (lambda: copy.copy(finfo()), "cannot pickle 'torch.finfo' object"),
]
ATTRIBUTE_ERRORS = [
    (lambda: setattr(PAIR, "values", 1), "readonly attribute"),
    (lambda: delattr(PAIR, "values"), "readonly attribute"),
    (lambda: PAIR.foo, "'torch.return_types.max' object has no attribute 'foo'"),
    (lambda: setattr(PAIR, "foo", 1), "'torch.return_types.max' object has no attribute 'foo'"),
    (lambda: returntypes.nope, "module 'torch.return_types' has no attribute 'nope'"),
    (lambda: setattr(finfo(), "eps", 1), "attribute 'eps' of 'torch.finfo' objects is not writable"),
    (lambda: setattr(finfo(), "foo", 1), "'torch.finfo' object has no attribute 'foo'"),
]


@pytest.mark.parametrize(
    "kind, wrong, message",
    [(TypeError, *row) for row in TYPE_ERRORS] + [(AttributeError, *row) for row in ATTRIBUTE_ERRORS],
)
def test_mistakes_raise_pytorchs_errors(kind, wrong, message):
    with pytest.raises(kind) as error:
        wrong()
    assert str(error.value) == message


def test_limits_have_no_hash():
    with pytest.raises(TypeError, match="unhashable"):
        hash(finfo())


def test_limits_of_python_types_and_of_the_default():
    assert finfo() == finfo(dtypes.get_default_dtype()) == finfo(dtypes.complex64)
    assert finfo(float) == finfo(dtypes.float64) == finfo(complex)
    assert iinfo(int) == iinfo(dtypes.int64) != iinfo(dtypes.int32)
    assert finfo(dtypes.float32) != iinfo(dtypes.int32)
    assert repr(finfo) == "<class 'torch.finfo'>"


@pytest.fixture(scope="module")
def reference():
    """tests/make/printing.py, which needs PyTorch."""
    pytest.importorskip("torch")
    return importlib.import_module("tests.make.printing")


@pytest.mark.parity
@pytest.mark.filterwarnings("ignore:ComplexHalf support is experimental")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_tensors_print_as_in_pytorch(reference, seed):
    rng = np.random.default_rng(seed)
    for _ in range(500):
        tensor, options, default = reference.random_case(rng)
        fact, values = reference.describe(tensor)
        with reference.settings(options, default):
            expected = repr(tensor)
        if values is not None:
            values = values.view(numpy_type(fact["dtype"]))
        with settings({"options": options, "default": default}):
            assert text_of(fact, values) == expected, (fact, options, default)


@pytest.mark.parity
def test_every_named_tuple_of_pytorch_is_here(reference):
    theirs = reference.torch.return_types
    ours = {cls.__name__: cls.__match_args__ for cls in returntypes.all_return_types}
    assert ours == {cls.__name__: cls.__match_args__ for cls in theirs.all_return_types}


def test_ml_dtypes_scalars_print_as_numbers():
    for name in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
        array = np.array([0.5, 2], getattr(ml_dtypes, name))
        text = printing.tensor_text(array, dtype_named(name))
        assert text == f"tensor([0.5000, 2.0000], dtype=torch.{name})"
