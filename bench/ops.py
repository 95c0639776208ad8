"""`python -m bench.ops`: single operators on large tensors, under jtorch and under PyTorch.

Ten million elements each, or the size of a layer. Each operator has a process of its own, in which both libraries run on one core
in turns, and their CPU seconds are compared: the machine's other users do not count. Every result is computed in full, and one
element of it is read. jtorch's operators have come often enough to be compiled before the first turn, as in a loop.
`python -m bench.ops sort topk` measures some again, `python -m bench.table` writes the table of docs/speed.md.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time

from bench import machine
from bench.report import parser, save

N = 10_000_000
WARM = 20  # runs before the first turn; jtorch compiles what has come sixteen times
TURN_S = 0.2  # a turn takes about as long


def _arrays():
    import numpy as np

    rng = np.random.default_rng(0)
    normal = lambda *shape: rng.standard_normal(shape, "float32")
    return {
        "x": normal(N), "y": normal(N), "square": normal(3162, 3162), "a": normal(1024, 1024), "b": normal(1024, 1024),
        "batch": normal(64, 256, 256), "index": rng.integers(0, N, N), "few": rng.integers(0, 1000, N),
        "image": normal(32, 64, 56, 56), "kernel": normal(64, 64, 3, 3), "rows": normal(9766, 1024),
        "table": normal(50_000, 256), "tokens": rng.integers(0, 50_000, (64, 512)), "scale": normal(1024),
        "channels": normal(64),
    }  # fmt: skip


def _backward(f, *names):
    """A step: the gradients of the sum of the squares of a function of these inputs."""

    def step(T, v):
        leaves = [v[n].requires_grad_() for n in names]
        return T.autograd.grad((f(T, v) ** 2).sum(), leaves)

    return step


_conv = lambda T, v: T.nn.functional.conv2d(v["image"], v["kernel"], padding=1)
_embedded = lambda T, v: T.nn.functional.embedding(v["tokens"], v["table"])

# name -> a function of a library and its tensors
OPERATORS = {
    "x + y": lambda T, v: v["x"] + v["y"],
    "x * 2 + 1": lambda T, v: v["x"] * 2 + 1,
    "exp": lambda T, v: v["x"].exp(),
    "log1p of abs": lambda T, v: v["x"].abs().log1p(),
    "tanh": lambda T, v: v["x"].tanh(),
    "gelu": lambda T, v: T.nn.functional.gelu(v["x"]),
    "where": lambda T, v: T.where(v["x"] > 0, v["x"], v["y"]),
    "int64 // 7": lambda T, v: v["index"] // 7,
    "matmul, 1024 × 1024": lambda T, v: v["a"] @ v["b"],
    "bmm, 64 of 256 × 256": lambda T, v: T.bmm(v["batch"], v["batch"]),
    "sum": lambda T, v: v["x"].sum(),
    "sum over rows": lambda T, v: v["square"].sum(1),
    "sum over columns": lambda T, v: v["square"].sum(0),
    "mean and variance": lambda T, v: T.var_mean(v["square"], 1),
    "max with indices": lambda T, v: v["square"].max(1),
    "argmax": lambda T, v: v["x"].argmax(),
    "norm": lambda T, v: v["x"].norm(),
    "softmax": lambda T, v: v["square"].softmax(1),
    "log_softmax": lambda T, v: v["square"].log_softmax(1),
    "logsumexp": lambda T, v: v["square"].logsumexp(1),
    "sort": lambda T, v: v["x"].sort(),
    "sort of rows": lambda T, v: v["square"].sort(1),
    "argsort of int64": lambda T, v: v["few"].argsort(),
    "topk, 10 of each row": lambda T, v: v["square"].topk(10),
    "topk, 100 of all": lambda T, v: v["x"].topk(100),
    "gather": lambda T, v: v["x"].gather(0, v["index"]),
    "index_select": lambda T, v: v["x"].index_select(0, v["index"]),
    "masked_select": lambda T, v: v["x"][v["y"] > 0],
    "scatter_add": lambda T, v: T.zeros(1000).scatter_add(0, v["few"], v["x"]),
    "scatter_add, many cells": lambda T, v: T.zeros(N).scatter_add(0, v["index"], v["x"]),
    "cumsum": lambda T, v: v["x"].cumsum(0),
    "cumsum of rows": lambda T, v: v["square"].cumsum(1),
    "unique": lambda T, v: v["few"].unique(),
    "unique, inverse and counts": lambda T, v: v["few"].unique(return_inverse=True, return_counts=True),
    "bincount": lambda T, v: v["few"].bincount(),
    "transpose": lambda T, v: v["square"].t().contiguous(),
    "cat": lambda T, v: T.cat([v["x"], v["y"]]),
    "conv2d": _conv,
    "conv2d backward": _backward(_conv, "image", "kernel"),
    "max_pool2d": lambda T, v: T.nn.functional.max_pool2d(v["image"], 2),
    "max_pool2d backward": _backward(lambda T, v: T.nn.functional.max_pool2d(v["image"], 2), "image"),
    "batch_norm": lambda T, v: T.nn.functional.batch_norm(v["image"], None, None, v["channels"], v["channels"], True),
    "batch_norm backward": _backward(
        lambda T, v: T.nn.functional.batch_norm(v["image"], None, None, v["channels"], None, True), "image", "channels"
    ),
    "layer_norm": lambda T, v: T.nn.functional.layer_norm(v["rows"], (1024,), v["scale"]),
    "layer_norm backward": _backward(
        lambda T, v: T.nn.functional.layer_norm(v["rows"], (1024,), v["scale"]), "rows", "scale"
    ),
    "embedding": _embedded,
    "embedding backward": _backward(_embedded, "table"),
}

ENOUGH = 1.5  # a row with a larger ratio has its reason here
_EXPONENTS = "XLA passes over the tensor three times, for the largest, the sum and the result; PyTorch row by row"
_ONE_BY_ONE = "XLA adds one element at a time, and where each goes is checked before"
_PASSES = "XLA computes a running total in several passes over blocks, PyTorch in one"
_COMPARISONS = "XLA sorts numbers and indices together by a comparison that it calls; PyTorch has sorts for each dtype"
REASONS = {
    "softmax": _EXPONENTS,
    "log_softmax": _EXPONENTS,
    "sort of rows": _COMPARISONS,
    "topk, 10 of each row": "XLA's `TopK`, on numbers and indices, is slower than PyTorch's partial sort",
    "scatter_add": _ONE_BY_ONE,
    "bincount": _ONE_BY_ONE,
    "cumsum": _PASSES,
    "cumsum of rows": _PASSES,
    "unique": "`numpy.unique` sorts, and PyTorch sorts faster",
    "unique, inverse and counts": "`numpy.unique` sorts, and PyTorch sorts faster",
    "transpose": "XLA does not copy in blocks that fit the cache",
    "conv2d": "XLA's convolutions on the CPU are Eigen's, PyTorch's are oneDNN's",
}


def _turn(step, T, tensors, count):
    """CPU seconds of a run. The results are held while one element of each is read, so each is computed in full."""
    start = time.process_time()
    for _ in range(count):
        result = step(T, tensors)
        for t in result if isinstance(result, tuple | list) else (result,):
            t.detach()[(-1,) * t.dim()].item()
    return (time.process_time() - start) / count


def measure(name, libraries, rounds):
    """{library: ms} and the median ratio of a few turns."""
    step = OPERATORS[name]
    counts = {}
    for T, tensors in libraries:
        for _ in range(WARM if T.__name__ == "jtorch" else 2):
            counts[T.__name__] = _turn(step, T, tensors, 1)
    pairs = []
    for _ in range(rounds):
        pairs.append([_turn(step, T, v, max(1, round(TURN_S / counts[T.__name__]))) for T, v in libraries])
    mine, theirs = (1e3 * statistics.median(column) for column in zip(*pairs, strict=True))
    return {"jtorch_ms": mine, "torch_ms": theirs, "ratio": statistics.median(a / b for a, b in pairs)}


def one(name, rounds):
    """What one process does: print the figures of an operator."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # before the libraries count the cores
    import torch

    import jtorch

    torch.set_num_threads(1)
    arrays = _arrays()
    libraries = [(T, {n: T.from_numpy(a.copy()).clone() for n, a in arrays.items()}) for T in (jtorch, torch)]
    print(json.dumps(measure(name, libraries, rounds)))


def process(name, rounds):
    """The figures of an operator, from a process of its own: what one leaves of its memory would speed up the next."""
    env = os.environ | {"OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "bench.ops", "--one", name, str(rounds)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=900)
    if done.returncode:
        raise RuntimeError(f"{name}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def main():
    arguments = parser("ops", __doc__, rounds=5)
    arguments.add_argument("names", nargs="*", help="only these operators; the others' figures stay")
    given = arguments.parse_args()
    report = json.loads(given.json.read_text()) if given.names and given.json.exists() else {}
    report = {"machine": machine.line(), "operators": report.get("operators", {})}
    print(f"{report['machine']}\n{'operator':<32}{'jtorch, ms':>12}{'PyTorch, ms':>12}{'ratio':>8}")
    for name in given.names or OPERATORS:
        report["operators"][name] = row = process(name, given.rounds)
        print(f"{name:<32}{row['jtorch_ms']:>12.2f}{row['torch_ms']:>12.2f}{row['ratio']:>8.2f}", flush=True)
    save(report, given.json)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], int(sys.argv[3]))
    else:
        main()
