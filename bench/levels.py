"""`python -m bench.levels`: what LLVM's level of optimization costs and buys: jtorch's against XLA's own, -O3.

Each form is compiled at both, forward and backward as one program, three times; then both run in alternating bursts on
one core. These are the numbers behind `jtorch.programs.options`.
"""

from __future__ import annotations

import os
import statistics
import time

from bench import forms, machine
from bench.report import parser, save

COMPILES = 3
SIZES = [(4, 10), (16, 20), (32, 32), (64, 10), (128, 400)]  # (batch, features)


def elementwise():
    """(name, form, shapes of the inputs)."""
    import jax
    import jax.numpy as jnp

    from jtorch.ops.activation import _relu

    for n, m in SIZES:
        x, b, w = (n, m), (m,), (m, m)
        yield f"relu(x + b) {x}", lambda x, b: _relu(x + b), [x, b]
        yield f"relu(x @ w + b) @ w {x}", lambda x, w, b: _relu(x @ w + b) @ w, [x, w, b]
        yield f"sum of (x + b - y)^2 {x}", lambda x, b, y: jnp.sum((x + b - y) ** 2), [x, b, x]
        yield f"log softmax {x}", lambda x: jax.nn.log_softmax(x), [x]
        yield f"gelu {x}", lambda x: jax.nn.gelu(x), [x]
        yield f"layer norm {x}", lambda x: (x - x.mean(-1, keepdims=True)) / x.std(-1, keepdims=True), [x]


def windows():
    """As `elementwise`, for a part of what `bench.forms` measures."""
    for family in (forms.convolutions, forms.pools, forms.norms):
        for name, mine, _, shapes in list(family())[::3]:
            yield name, mine, shapes


def seconds(form, shapes, options):
    """How long it takes from the function to the end of its second run, the median of a few; and one burst of it."""
    times = []
    for _ in range(COMPILES):
        start = time.perf_counter()
        burst = forms.compiled(lambda *inputs: form(*inputs), shapes, options)  # a function that JAX has not seen
        times.append(time.perf_counter() - start)
    return statistics.median(times), burst


def run(arguments):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # before JAX counts the cores
    from jtorch import programs

    report = {"machine": machine.line(), "levels": {}}
    print(report["machine"])
    print(f"{'form, forward and backward':<46}{'compile s':>11}{'at -O3':>8}{'ratio':>7}{'run ms':>10}{'at -O3':>9}{'ratio':>7}")
    for family in (elementwise, windows):
        for name, form, shapes in family():
            mine, burst = seconds(form, shapes, programs.options(on_host=True))
            theirs, other = seconds(form, shapes, {"xla_backend_optimization_level": 3})
            ms, other_ms, ratio = forms.race(burst, other, arguments.rounds)
            report["levels"][name] = {"compile_ratio": mine / theirs, "run_ratio": ratio}
            print(f"{name:<46}{mine:>11.3f}{theirs:>8.3f}{mine / theirs:>7.2f}{ms:>10.3f}{other_ms:>9.3f}{ratio:>7.2f}", flush=True)
    for kind in ("compile_ratio", "run_ratio"):
        report[kind] = statistics.geometric_mean(row[kind] for row in report["levels"].values())
        print(f"{kind}, geometric mean: {report[kind]:.3f}")
    save(report, arguments.json)


if __name__ == "__main__":
    run(parser("levels", __doc__, rounds=11).parse_args())
