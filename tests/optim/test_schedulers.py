"""jtorch.optim.lr_scheduler against PyTorch: each rate to the last bit, state dicts, errors and warnings."""

import json
import math

import pytest

import jtorch
from tests.optim import schedules
from tests.rows import load

FIXTURE = load("schedules.json", "schedules")
NAMES = sorted(set(jtorch.optim.lr_scheduler.__all__) - {"EPOCH_DEPRECATION_WARNING", "LRScheduler"})


def agree(log, expected, exactly):
    """Whether two logs are equal as JSON; rates that are tensors may differ in the last bit or two.

    XLA contracts a product and a sum into one operation with one rounding, where PyTorch rounds twice.
    """
    log = json.loads(json.dumps(log))
    return log == expected if exactly else near(log, expected)


def near(a, b):
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(near, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(near(a[key], b[key]) for key in a)
    return a == b


def used(schedule):
    name, kwargs = schedule
    return {name}.union(*(used(part) for part in kwargs.get("schedulers", [])))


def test_every_schedule_is_in_the_table():
    assert set().union(*(used(entry["case"]["schedule"]) for entry in FIXTURE["logs"])) == set(NAMES)


@pytest.mark.parametrize("entry", FIXTURE["logs"], ids=lambda e: e["case"]["schedule"][0])
def test_rates_and_state_are_pytorchs(entry):
    case = entry["case"]
    assert agree(schedules.log_of(jtorch, case), entry["log"], exactly=not case["tensor_lr"])


@pytest.mark.parametrize("code", schedules.TABLE.programs)
def test_errors_and_warnings_are_pytorchs(code):
    assert not schedules.TABLE.differences(jtorch, code)


@pytest.mark.parity
def test_random_schedules_equal_pytorchs_live():
    torch = pytest.importorskip("torch")
    for seed in range(1000, 1300):
        case = schedules.random_case(seed)
        expected = json.loads(json.dumps(schedules.log_of(torch, case)))
        assert agree(schedules.log_of(jtorch, case), expected, exactly=not case["tensor_lr"]), case


def test_a_scheduler_leaves_its_optimizer_free_to_die():
    """Reference counting alone frees an optimizer: a cycle would keep its arrays until the garbage collector runs."""
    import gc
    import weakref

    optimizer = jtorch.optim.SGD([jtorch.nn.Parameter(jtorch.ones(1))], lr=0.1)
    scheduler = jtorch.optim.lr_scheduler.StepLR(optimizer, 1)
    gc.collect()
    gc.disable()
    try:
        watch = weakref.ref(optimizer)
        del optimizer, scheduler
        assert watch() is None
    finally:
        gc.enable()
