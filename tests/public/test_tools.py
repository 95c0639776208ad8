"""PyTorch's tools (benchmark, flop counter, overrides, ...) print what PyTorch's print."""

import jtorch
<<<<<<< HEAD
=======
from tests import printed

TABLE = printed.table("tools")


@pytest.mark.parametrize("name", TABLE.programs)
def test_prints_what_pytorch_prints(name):
    assert not TABLE.differences(jtorch, name)


@pytest.mark.parity
@pytest.mark.parametrize("name", TABLE.programs)
def test_fixture_is_what_pytorch_prints(name):
    if "flops" in name or "table" in name:
        pytest.importorskip("tabulate", reason="PyTorch prints its tables by tabulate")
    assert not TABLE.differences(pytest.importorskip("torch"), name)
>>>>>>> 18e42e8 (Replace parts of fx graphs, mix sparse and dense tensors in place, test custom ops, and run the libraries' own tests)


def test_a_timer_waits_for_results_that_nobody_keeps():
    """If they were dropped, a large product would take no longer than a small one."""
    from jtorch.utils.benchmark import Timer

    small, large = (Timer("x @ x", globals={"x": jtorch.ones(n, n)}).timeit(5).median for n in (4, 1000))
    assert large > 10 * small
