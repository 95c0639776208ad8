"""The modules that libraries ask PyTorch for: pytrees, profiler, hub, ... answer as PyTorch's."""

import pytest

import jtorch
from tests import printed

TABLE = printed.table("surface")


@pytest.mark.parametrize("name", TABLE.programs)
def test_answers_as_pytorch(name):
    assert not TABLE.differences(jtorch, name)


def test_a_profile_names_ops_pullbacks_and_ranges():
    x = jtorch.ones(4, 4, requires_grad=True)
    with jtorch.profiler.profile() as profile, jtorch.profiler.record_function("range"):
        (x @ x).relu().sum().backward()
    found = {event.key: event.count for event in profile.key_averages()}
    assert {"range", "aten::relu", "ReluBackward0"} <= found.keys()
    assert "aten::relu" in profile.key_averages().table(sort_by="cpu_time_total")


def test_every_module_that_comes_late_can_be_asked_for():
    for package in (jtorch, jtorch.utils, jtorch.cuda):
        for name in dir(package):
            getattr(package, name)
