"""Type promotion against PyTorch's tables (facts measured once, in fixtures/promotion.json)."""

import json
import operator
from pathlib import Path

import pytest

import jtorch as torch

TABLE = json.loads((Path(__file__).parent / "fixtures" / "promotion.json").read_text())
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
    return torch.ones(*shape, dtype=getattr(torch, name))


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
    """(a, b, expected) of the cells that jtorch can have."""
    cells = [(a, b, e) for a, row in table.items() for b, e in row.items()]
    return [(a, b, e) for a, b, e in cells if "complex32" not in (a, b, e) and "ComplexHalf" not in str(e)]


@pytest.mark.parametrize("name", OPERATORS)
def test_two_tensors(name):
    cells = wanted(TABLE["binary_dim_dim"].get(name, {}))
    assert (
        differences([((a, b), outcome(OPERATORS[name], ones(a, 2), ones(b, 2)), e) for a, b, e in cells])
        == []
    )


@pytest.mark.parametrize("name", TABLE["binary_dim_pyscalar"])
def test_tensor_and_number(name):
    cells = wanted(TABLE["binary_dim_pyscalar"][name])
    assert (
        differences([((a, b), outcome(OPERATORS[name], ones(a, 2), NUMBERS[b]), e) for a, b, e in cells])
        == []
    )


@pytest.mark.parametrize("name", TABLE["binary_pyscalar_dim"])
def test_number_and_tensor(name):
    cells = wanted(TABLE["binary_pyscalar_dim"][name])
    assert (
        differences([((a, b), outcome(OPERATORS[name], NUMBERS[b], ones(a, 2)), e) for a, b, e in cells])
        == []
    )


def test_inplace_add():
    def add(a, b):
        a += b
        return a

    pairs = [
        ((a, b), outcome(add, ones(a, 2), ones(b, 2)), e) for a, b, e in wanted(TABLE["inplace_add_dim_dim"])
    ]
    pairs += [((a, b), outcome(add, ones(a, 2), NUMBERS[b]), e)
              for a, b, e in wanted(TABLE["inplace_add_dim_pyscalar"])]  # fmt: skip
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
            [
                (a, outcome(getattr(torch, name, None) or getattr(torch.Tensor, name), ones(a, 2)), e)
                for a, e in cells
            ]
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
