"""`python -m bench.record`: what recording a line costs, compared with PyTorch, which computes it.

Each row is a statement that is run over and over, as in the body of a training loop, under jtorch and under PyTorch in turns, in
one process on one core. jtorch only records it; what was recorded runs outside of the timing. The tensors are so small that
PyTorch's arithmetic takes almost no time. The last row is a training step of a deep decoder.

The bound of a row is 1.5 times PyTorch's time or 4 µs for each call, whichever is larger; for random numbers it is twice
PyTorch's time.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import statistics
import time

from bench import machine
from bench.decoder import decoder
from bench.report import parser, save

LIBRARIES = ("jtorch", "torch")
TIMES = 40  # runs of a statement between two readings of the clock
WARM = 10  # rounds before the timing: the first ones compile
BACKWARD = (
    "x * y",
    "x + 1.5",
    "torch.relu(x)",
    "x @ y",
    "F.linear(x, w, b)",
)  # chains whose backward pass is timed, too

ROWS = (  # the calls that the files of docs/census.csv make most, and some that were slow
    *BACKWARD, "layer(x)", "x.view(2, 8)", "x.reshape(2, 8)", "x.transpose(0, 1).reshape(2, 8)", "x.flatten()", "x[0]",
    "x[:, 1:3]", "x[:, :, None]", "x.unsqueeze(0)", "x.squeeze(0)", "x.transpose(0, 1)", "x.permute(1, 0)", "x.expand(2, 4, 4)",
    "x.t().contiguous()", "x.chunk(2, 1)", "torch.cat([x, y])", "torch.stack([x, y])", "x.sum()", "x.mean(1)", "x.max(1)",
    "x.argmax(1)", "x.exp()", "torch.tanh(x)", "x.clone()", "x.detach()", "x.float()", "x.to(torch.float64)", "x.size(0)",
    "F.softmax(x, dim=1)", "F.log_softmax(x, dim=1)", "F.cross_entropy(x, labels)", "F.mse_loss(x, y)", "F.embedding(labels, w)",
    "F.layer_norm(x, (4,), b, b)", "F.conv2d(image, kernel)", "F.max_pool2d(image, 2)", "x.masked_fill(mask, 0.0)",
    "torch.einsum('ij,jk->ik', x, y)", "z.add_(1.0)", "z.zero_()", "z.copy_(plain)", "torch.zeros(4, 4)", "torch.ones(4, 4)",
    "torch.zeros_like(x)", "torch.arange(8)", "torch.tensor([1.0, 2.0])", "torch.rand(2, 8)", "torch.randn(2, 8)",
    "F.dropout(x, 0.5)",
)  # fmt: skip
RANDOM = ("torch.rand(2, 8)", "torch.randn(2, 8)", "F.dropout(x, 0.5)")


def names(torch):
    """The names that a row may use."""
    return {
        "torch": torch,
        "F": torch.nn.functional,
        "x": torch.ones(4, 4).requires_grad_(),
        "y": torch.ones(4, 4).requires_grad_(),
        "w": torch.ones(4, 4).requires_grad_(),
        "b": torch.ones(4).requires_grad_(),
        "z": torch.ones(4, 4),
        "plain": torch.ones(4, 4),
        "mask": torch.ones(4, 4) > 0,
        "labels": torch.tensor([0, 1, 2, 3]),
        "image": torch.ones(1, 1, 4, 4).requires_grad_(),
        "kernel": torch.ones(1, 1, 3, 3).requires_grad_(),
        "layer": torch.nn.Linear(4, 4),
    }


def repeated(statement, torch):
    """A function that runs a statement once for each item of an iterable."""
    given = names(torch)
    exec(f"def run(times):\n    for _ in times:\n        {statement}\n", given)
    return given["run"]


def run_recorded(torch) -> None:
    """Run what jtorch has recorded."""
    if torch.__name__ == "jtorch":
        importlib.import_module("jtorch.core.engine").flush()


def calls_of(statement):
    """How many functions, methods or operators of PyTorch a row calls."""
    return 2 if statement.count(").") == 1 else 1


def bound(statement, theirs):
    """The most µs that a row may take if PyTorch takes `theirs`."""
    return 2 * theirs if statement in RANDOM else max(1.5 * theirs, 4 * calls_of(statement))


def timed(statement, libraries, rounds):
    """Library -> µs of CPU time that a statement takes: the median over rounds in turns."""
    runs = {torch.__name__: (repeated(statement, torch), torch) for torch in libraries}
    times = {name: [] for name in runs}
    for at in range(WARM + rounds):
        for name, (run, torch) in runs.items():
            began = time.thread_time()
            run(range(TIMES))
            took = time.thread_time() - began
            run_recorded(torch)
            if at >= WARM:
                times[name].append(took)
    return {name: 1e6 * statistics.median(t) / TIMES for name, t in times.items()}


def backward(statement, torch, rounds):
    """µs to record the backward pass of one line of a chain `x = statement`; under PyTorch, to compute it."""
    given, times = names(torch), []
    step = eval(f"lambda x: {statement}", given)
    for _ in range(WARM + rounds):
        x = given["x"]
        for _ in range(TIMES):
            x = step(x)
        loss = x.sum()
        began = time.thread_time()
        loss.backward()
        times.append(time.thread_time() - began)
        for leaf in given.values():
            if isinstance(leaf, torch.Tensor):
                leaf.grad = None
        run_recorded(torch)
    return 1e6 * statistics.median(times[WARM:]) / (TIMES + 1)


def step_of(torch, layers, rounds):
    """(µs to record a training step of a decoder, its lines, the programs it ran as); under PyTorch (µs to compute it, ...)."""
    train = decoder(torch, layers)
    counted = getattr(torch.compiler, "stats", None)
    times = []
    for at in range(3 + rounds):
        before = counted() if counted else None
        began = time.thread_time()
        loss = train()
        took = time.thread_time() - began
        loss.item()
        if at >= 3:
            times.append(took)
    after = counted() if counted else None
    lines, runs = (after.lines - before.lines, after.runs - before.runs) if counted else (0, 0)
    return 1e6 * statistics.median(times), lines, runs


def run(arguments):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    libraries = [importlib.import_module(name) for name in LIBRARIES if importlib.util.find_spec(name) is not None]
    for torch in libraries:
        if torch.__name__ == "torch":
            torch.set_num_threads(1)
    report = {"machine": machine.line(), "times": TIMES, "rounds": arguments.rounds, "us": {}, "backward": {}}
    print(report["machine"])
    print(f"{'statement':<34}{'jtorch µs':>10}{'PyTorch µs':>12}{'ratio':>7}{'bound µs':>10}")
    for statement in ROWS:
        us = report["us"][statement] = timed(statement, libraries, arguments.rounds)
        if "torch" in us:
            ours, theirs = us["jtorch"], us["torch"]
            us["bound"] = bound(statement, theirs)
            more = f"{theirs:>12.2f}{ours / theirs:>7.2f}{us['bound']:>10.2f}{' *' * (ours > us['bound'])}"
        print(f"{statement:<34}{us['jtorch']:>10.2f}{more if 'torch' in us else ''}", flush=True)
    print(f"\n{'backward pass of a chain of':<34}{'jtorch µs':>10}{'PyTorch µs':>12}")
    for statement in BACKWARD:
        us = report["backward"][statement] = {t.__name__: backward(statement, t, arguments.rounds) for t in libraries}
        print(
            f"{statement:<34}" + "".join(f"{took:>{10 + 2 * at}.2f}" for at, took in enumerate(us.values())), flush=True
        )
    print(f"\n{'training step of a decoder':<34}{'µs':>10}{'lines':>12}{'µs a line':>11}{'programs':>10}")
    for torch in libraries:
        us, lines, runs = step_of(torch, arguments.layers, arguments.rounds // 10)
        report.setdefault("decoder", {})[torch.__name__] = {"us": us, "lines": lines, "programs": runs}
        more = f"{lines:>12}{us / lines:>11.2f}{runs:>10}" if lines else ""
        print(f"{arguments.layers} layers, {torch.__name__:<24}{us:>10.0f}{more}", flush=True)
    save(report, arguments.json)


if __name__ == "__main__":
    command = parser("record", __doc__, rounds=100)
    command.add_argument("--layers", type=int, default=100, help="of the decoder; compiling its step takes a minute")
    run(command.parse_args())
