"""`python -m bench.levels`: compile time and speed under jtorch's XLA options, against XLA's default, LLVM's -O3.

Each form is compiled with both, forward and backward as one program, three times; then both run in alternating bursts on
one core. `--lines` compares, on forms of few elements, the options for a single line with those for a program.
These are the numbers behind `jtorch.core.engine.xla_options`.
"""

from __future__ import annotations

import json
import math
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

    from jtorch.core.ops.arithmetic.activations import _relu

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
    """(seconds to trace, compile and run the form twice, the median of a few; the burst of `forms.compiled`)."""
    times = []
    for _ in range(COMPILES):
        start = time.perf_counter()
        burst = forms.compiled(lambda *inputs: form(*inputs), shapes, options)  # a function that JAX has not seen
        times.append(time.perf_counter() - start)
    return statistics.median(times), burst


def contest(lines):
    """(what is measured, its options, those it is measured against, families of forms)."""
    import jtorch
    from jtorch.core.engine import xla_options

    whole = xla_options.ordinary(on_host=True)
    if lines:
        with jtorch.eager():
            (jtorch.ones(2) + 1).tolist()  # jtorch has now asked XLA which options it knows
        few = lambda shapes: 2 * sum(math.prod(shape) for shape in shapes) <= xla_options.FEW
        small = lambda: (form for form in elementwise() if few(form[2]))
        return "lines of few elements", xla_options.quick(), whole, (small,)
    return "levels", whole, {"xla_backend_optimization_level": 3}, (elementwise, windows)


def run(arguments):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # before JAX counts the cores
    title, mine, theirs, families = contest(arguments.lines)
    report = json.loads(arguments.json.read_text()) if arguments.json.exists() else {}
    rows = {}
    report[title] = {"machine": machine.line(), "options": mine, "against": theirs, "forms": rows}
    print(report[title]["machine"])
    print(
        f"{'form, forward and backward':<46}{'compile s':>11}{'against':>8}{'ratio':>7}{'run ms':>10}{'against':>9}{'ratio':>7}"
    )
    for family in families:
        for name, form, shapes in family():
            took, burst = seconds(form, shapes, mine)
            other_took, other = seconds(form, shapes, theirs)
            ms, other_ms, ratio = forms.race(burst, other, arguments.rounds)
            rows[name] = {"compile_ratio": took / other_took, "run_ratio": ratio, "run_ms": ms, "against_ms": other_ms}
            print(
                f"{name:<46}{took:>11.3f}{other_took:>8.3f}{took / other_took:>7.2f}{ms:>10.3f}{other_ms:>9.3f}{ratio:>7.2f}",
                flush=True,
            )
    for kind in ("compile_ratio", "run_ratio"):
        report[title][kind] = statistics.geometric_mean(row[kind] for row in rows.values())
        print(f"{kind}, geometric mean: {report[title][kind]:.3f}")
    save(report, arguments.json)


def parse():
    made = parser("levels", __doc__, rounds=11)
    made.add_argument("--lines", action="store_true", help="what jtorch does for single lines of few elements")
    return made.parse_args()


if __name__ == "__main__":
    run(parse())
