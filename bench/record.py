"""`python -m bench.record`: microseconds to record one differentiable line under jtorch, and its backward.

A chain of lines is recorded over and over, as the body of a training loop would be, and timed without running
it; so is the backward of the chain. Under PyTorch, shown beside it where installed, the same chain is run
on tensors so small that the computing hardly counts.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import statistics
import time

from bench import machine
from bench.report import parser, save

LINES = 40  # in the chain
WARM = 20  # rounds before the timing: the first ones compile


def chains(torch):
    """name -> (one line as a function of x, the tensors it needs a gradient for beside x)."""
    y = torch.ones(4, 4).requires_grad_()
    weight, bias = torch.ones(4, 4).requires_grad_(), torch.ones(4).requires_grad_()
    linear = torch.nn.functional.linear
    return {
        "x * y": (lambda x: x * y, [y]),
        "x + 1.5": (lambda x: x + 1.5, []),
        "relu(x)": (torch.relu, []),
        "x @ y": (lambda x: x @ y, [y]),
        "linear(x, w, b)": (lambda x: linear(x, weight, bias), [weight, bias]),
    }


def measure(torch, line, leaves, rounds):
    """(µs to record a line, µs for a line's backward, µs a line to run both): medians over rounds."""
    start = torch.ones(4, 4).requires_grad_()
    forward, backward, computed = [], [], []
    for _ in range(WARM + rounds):
        x, began = start, time.perf_counter()
        for _ in range(LINES):
            x = line(x)
        recorded = time.perf_counter()
        loss = x.sum()
        summed = time.perf_counter()
        loss.backward()
        done = time.perf_counter()
        forward.append((recorded - began) / LINES)
        backward.append((done - summed) / (LINES + 1))
        start.grad.sum().item()  # now it runs
        computed.append((time.perf_counter() - done) / LINES)
        for leaf in [start, *leaves]:
            leaf.grad = None
    return [1e6 * statistics.median(times[WARM:]) for times in (forward, backward, computed)]


def run(arguments):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    report = {"machine": machine.line(), "lines": LINES, "rounds": arguments.rounds, "us": {}}
    print(report["machine"])
    print(f"{'line':<18}{'under':<10}{'record µs':>10}{'backward µs':>13}{'backward ÷ record':>19}{'run µs':>9}")
    for name in ("jtorch", "torch"):
        if importlib.util.find_spec(name) is None:
            continue
        torch = importlib.import_module(name)
        if name == "torch":
            torch.set_num_threads(1)
        for shown, (line, leaves) in chains(torch).items():
            record, backward, computed = measure(torch, line, leaves, arguments.rounds)
            report["us"].setdefault(name, {})[shown] = {"record": record, "backward": backward, "run": computed}
            row = f"{shown:<18}{name:<10}{record:>10.2f}{backward:>13.2f}{backward / record:>19.2f}"
            print(f"{row}{computed:>9.2f}", flush=True)
    save(report, arguments.json)


if __name__ == "__main__":
    run(parser("record", __doc__, rounds=300).parse_args())
