"""PyTorch's tools (benchmark, flop counter, overrides, ...) print what PyTorch's print."""

import jtorch


def test_a_timer_waits_for_results_that_nobody_keeps():
    """If they were dropped, a large product would take no longer than a small one."""
    from jtorch.utils.benchmark import Timer

    small, large = (Timer("x @ x", globals={"x": jtorch.ones(n, n)}).timeit(5).median for n in (4, 1000))
    assert large > 10 * small
