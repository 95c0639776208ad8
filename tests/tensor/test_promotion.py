"""Type promotion against PyTorch's tables, in fixtures/promotion.json."""

import json
import math
import operator

import numpy as np
import pytest

import jtorch as torch
from tests import FIXTURES

TABLE = json.loads((FIXTURES / "promotion.json").read_text())
NUMBERS = {"bool": True, "int": 2, "float": 2.5, "complex": 2j}
NAMES = [d for d in TABLE["dtypes"] if d != "complex32"]  # neither NumPy nor XLA has complex32
OPERATORS = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "truediv": operator.truediv,
    "floordiv": operator.floordiv, "mod": operator.mod, "pow": operator.pow, "eq": operator.eq,
    "lt": operator.lt,
    "and": operator.and_, "lshift": operator.lshift, "maximum": lambda a, b: torch.maximum(a, b),
    "atan2": lambda a, b: torch.atan2(a, b), "where": lambda a, b: torch.where(CONDITION, a, b),
    "cat": lambda a, b: torch.cat([a, b]), "stack": lambda a, b: torch.stack([a, b]),
}  # fmt: skip
CONDITION = torch.tensor([True, False])
REDUCTIONS = {
    "sum_dim": lambda x: x.sum(0), "cumsum": lambda x: x.cumsum(0), "cumprod": lambda x: x.cumprod(0),
    "logsumexp": lambda x: x.logsumexp(0), "sort": lambda x: x.sort()[0], "unique": lambda x: x.unique(),
    "trace": lambda x: x.reshape(1, 2).expand(2, 2).trace(), "dot": lambda x: x.dot(x),
}  # fmt: skip


def ones(name, *shape):
    return torch.ones(shape, dtype=getattr(torch, name))


def outcome(function, *args):
    """The dtype of the result as the table writes it, or the error."""
    try:
        return str(function(*args).dtype).removeprefix("torch.")
    except Exception as error:
        return f"ERR {type(error).__name__}: {error}"


def agrees(mine, theirs):
    return mine == theirs or (len(theirs) > 100 and mine.startswith(theirs))  # the table cuts long messages


def differences(pairs):
    return [(key, mine, theirs) for key, mine, theirs in pairs if not agrees(mine, theirs)]


def wanted(table):
    """(a, b, expected) of the cells for dtypes that jtorch has."""
    cells = [(a, b, e) for a, row in table.items() for b, e in row.items()]
    return [(a, b, e) for a, b, e in cells if "complex32" not in (a, b, e) and "ComplexHalf" not in str(e)]


@pytest.mark.parametrize("name", OPERATORS)
def test_two_tensors(name):
    cells = wanted(TABLE["binary_dim_dim"].get(name, {}))
    assert differences([((a, b), outcome(OPERATORS[name], ones(a, 2), ones(b, 2)), e) for a, b, e in cells]) == []


@pytest.mark.parametrize("name", TABLE["binary_dim_pyscalar"])
def test_tensor_and_number(name):
    cells = wanted(TABLE["binary_dim_pyscalar"][name])
    assert differences([((a, b), outcome(OPERATORS[name], ones(a, 2), NUMBERS[b]), e) for a, b, e in cells]) == []


@pytest.mark.parametrize("name", TABLE["binary_pyscalar_dim"])
def test_number_and_tensor(name):
    cells = wanted(TABLE["binary_pyscalar_dim"][name])
    assert differences([((a, b), outcome(OPERATORS[name], NUMBERS[b], ones(a, 2)), e) for a, b, e in cells]) == []


def test_inplace_add():
    def add(a, b):
        a += b
        return a

    pairs = [((a, b), outcome(add, ones(a, 2), ones(b, 2)), e) for a, b, e in wanted(TABLE["inplace_add_dim_dim"])]
    pairs += [
        ((a, b), outcome(add, ones(a, 2), NUMBERS[b]), e) for a, b, e in wanted(TABLE["inplace_add_dim_pyscalar"])
    ]
    assert differences(pairs) == []


def test_matmul_demands_one_dtype():
    cells = wanted(TABLE["matmul"])
    pairs = [((a, b), outcome(operator.matmul, ones(a, 2, 2), ones(b, 2, 2)), e) for a, b, e in cells]
    assert differences(pairs) == []


@pytest.mark.parametrize("name", TABLE["reductions"])
def test_reductions(name):
    function = REDUCTIONS.get(name, lambda x: getattr(x, name)())
    cells = [(a, e) for a, e in TABLE["reductions"][name].items() if a != "complex32"]
    assert differences([(a, outcome(function, ones(a, 2)), e) for a, e in cells]) == []


@pytest.mark.parametrize("name", TABLE["unary"])
def test_unary(name):
    cells = [(a, e) for a, e in TABLE["unary"][name].items() if a != "complex32"]
    assert (
        differences(
            [(a, outcome(getattr(torch, name, None) or getattr(torch.Tensor, name), ones(a, 2)), e) for a, e in cells]
        )
        == []
    )


@pytest.mark.parametrize("case", TABLE["int_division"])
def test_division_rounds_as_pytorchs(case):
    a, b, kind = case.split(",")
    x, y = (torch.tensor([float(v)]).to(getattr(torch, kind)) for v in (a, b))
    made = {
        "//": x // y, "%": x % y, "/": x / y, "fmod": torch.fmod(x, y),
        "floor_divide": torch.floor_divide(x, y), "remainder": torch.remainder(x, y),
        "div_trunc": torch.div(x, y, rounding_mode="trunc"),
        "div_floor": torch.div(x, y, rounding_mode="floor"),
    }  # fmt: skip
    assert {k: made[k].item() for k in TABLE["int_division"][case]} == TABLE["int_division"][case]


@pytest.mark.parametrize("case", TABLE["float_division_special"])
def test_float_division_at_the_edges(case):
    x, y = (torch.tensor([float(v)]) for v in case.split(","))
    made = {"/": x / y, "//": x // y, "%": x % y, "fmod": torch.fmod(x, y),
            "div_trunc": torch.div(x, y, rounding_mode="trunc")}  # fmt: skip
    expected = TABLE["float_division_special"][case]
    assert {k: str(made[k].item()) for k in expected} == expected


def dtype_named(name):
    return getattr(torch, name)


def test_promote_types():
    pairs = [((a, b), named(torch.promote_types, a, b), e) for a, b, e in wanted(TABLE["promote_types"])]
    assert differences(pairs) == []


def named(function, *names):
    """A function of dtypes: its result's name, or the error."""
    try:
        return str(function(*map(dtype_named, names))).removeprefix("torch.")
    except Exception as error:
        return f"ERR {type(error).__name__}: {error}"


def test_can_cast():
    cells = [(a, b, e) for a, row in TABLE["can_cast_from_to"].items() for b, e in row.items()]
    assert [(a, b) for a, b, e in cells if torch.can_cast(dtype_named(a), dtype_named(b)) is not e] == []


OPERANDS = {
    "dim": lambda name: ones(name, 2),
    "zerodim": lambda name: ones(name),
    "pyscalar": lambda name: NUMBERS[name],
}


@pytest.mark.parametrize("name", TABLE["result_type"])
def test_result_type(name):
    a_kind, b_kind = name.split("_")

    def of(a, b):
        try:
            return str(torch.result_type(OPERANDS[a_kind](a), OPERANDS[b_kind](b))).removeprefix("torch.")
        except Exception as error:
            return f"ERR {type(error).__name__}: {error}"

    cells = wanted(TABLE["result_type"][name])
    assert differences([((a, b), of(a, b), e) for a, b, e in cells]) == []


def test_dtypes_that_tensor_finds():
    table = TABLE["tensor_infer"]
    assert {k: outcome(lambda k=k: eval(f"torch.{k}")) for k in table} == table


def test_dtypes_of_numpy():
    table = TABLE["from_numpy_infer"]
    assert {k: outcome(lambda k=k: torch.from_numpy(np.ones(2, k))) for k in table} == table
    table = TABLE["numpy_scalar_infer"]
    assert {k: outcome(lambda k=k: torch.tensor(getattr(np, k)(1))) for k in table} == table


FACTORIES = {
    "zeros": lambda: torch.zeros(2), "linspace": lambda: torch.linspace(0, 1, 3), "eye": lambda: torch.eye(2),
    "full(2)": lambda: torch.full((2,), 2), "full(2.)": lambda: torch.full((2,), 2.0),
    "full(True)": lambda: torch.full((2,), True), "full(1j)": lambda: torch.full((2,), 1j),
    "randint": lambda: torch.randint(3, (2,)), "randperm": lambda: torch.randperm(3), "rand": lambda: torch.rand(2),
    "nonzero": lambda: torch.ones(2).nonzero(), "argsort": lambda: torch.ones(2).argsort(),
    "ones_like(int)": lambda: torch.ones_like(torch.tensor([1])),
}  # fmt: skip


def test_dtypes_of_factories():
    table = TABLE["factories"]
    made = {k: outcome(FACTORIES.get(k) or (lambda k=k: eval(f"torch.{k}"))) for k in table}
    assert made == table


def test_default_dtype_float64():
    torch.set_default_dtype(torch.float64)
    try:
        made = {
            "int_tensor+2.5": torch.tensor([1]) + 2.5, "int/int": torch.tensor([1]) / torch.tensor([2]),
            "tensor(1.)": torch.tensor(1.0), "tensor(1j)": torch.tensor(1j), "sqrt(int)": torch.tensor([1]).sqrt(),
            "float32+2.5": torch.ones(1, dtype=torch.float32) + 2.5,
        }  # fmt: skip
    finally:
        torch.set_default_dtype(torch.float32)
    assert {k: str(t.dtype).removeprefix("torch.") for k, t in made.items()} == TABLE["default_float64"]


def of(d, *values):
    return torch.tensor(values, dtype=d)


CASTS = {
    "uint8 200+100": lambda: (of(torch.uint8, 200) + of(torch.uint8, 100)).item(),
    "int8 100+100": lambda: (of(torch.int8, 100) + of(torch.int8, 100)).item(),
    "uint8 -1 neg": lambda: (-of(torch.uint8, 1)).item(),
    "float->int trunc 2.9,-2.9": lambda: of(torch.float32, 2.9, -2.9).long().tolist(),
    "float nan->int64": lambda: torch.tensor(math.nan).long().item(),
    "float inf->int64": lambda: torch.tensor(math.inf).long().item(),
    "float inf->int32": lambda: torch.tensor(math.inf).int().item(),
    "float 300->uint8": lambda: torch.tensor(300.0).byte().item(),
    "float -1->uint8": lambda: torch.tensor(-1.0).byte().item(),
    "int 256->uint8": lambda: torch.tensor(256).byte().item(),
    "float 0.5->bool": lambda: torch.tensor(0.5).bool().item(),
    "nan->bool": lambda: torch.tensor(math.nan).bool().item(),
    "round half even": lambda: of(torch.float32, 0.5, 1.5, 2.5, -0.5).round().tolist(),
    "int64 max+1": lambda: (torch.tensor(2**63 - 1) + 1).item(),
    "bool*bool": lambda: outcome(lambda: of(torch.bool, True) * of(torch.bool, True)),
    "bool/bool": lambda: outcome(lambda: of(torch.bool, True) / of(torch.bool, True)),
    "0**0": lambda: (torch.tensor(0) ** 0).item(),
    "(-8.)**(1/3)": lambda: str((torch.tensor(-8.0) ** (1 / 3)).item()),
    "2**-1 (float exponent tensor)": lambda: (torch.tensor(2) ** torch.tensor(-1.0)).item(),
    "int**int tensor neg": lambda: outcome(lambda: torch.tensor([2]) ** torch.tensor([-1])),
    "int**int tensor neg value": lambda: (of(torch.int64, 2, 1, -1) ** of(torch.int64, -1, -1, -1)).tolist(),
    "int**-1 scalar": lambda: outcome(lambda: torch.tensor([2]) ** -1),
}  # fmt: skip


@pytest.mark.parametrize("case", CASTS)
def test_casts_and_overflows(case):
    assert CASTS[case]() == TABLE["wrap_and_cast"][case]
