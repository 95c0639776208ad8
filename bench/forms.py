"""`python -m bench.forms`: convolutions and their adjoints, pooling and batch norm, each as jtorch writes it and as the
textbook does.

Each pair runs in one process pinned to one core, in alternating bursts, forward and backward as one compiled
program; the median of the ratios is shown. These are the numbers behind the choices in `jtorch.core.ops.windows.convolve`,
`jtorch.core.ops.windows.pooling` and `jtorch.core.ops.layers.normalization`. XLA fuses and
lays out a whole step, so a form that wins here must also win in `bench.step`.
"""

from __future__ import annotations

import os
import statistics
import time

from bench import machine
from bench.report import parser, save

BURST_S = 0.05

# images, weight, stride, padding, groups
CONVOLUTIONS = [
    ((64, 1, 28, 28), (10, 1, 5, 5), 1, 0, 1),
    ((4, 1, 28, 28), (10, 1, 5, 5), 1, 0, 1),
    ((64, 3, 32, 32), (6, 3, 5, 5), 1, 0, 1),
    ((64, 3, 32, 32), (16, 3, 3, 3), 1, 1, 1),
    ((64, 10, 12, 12), (20, 10, 3, 3), 1, 0, 1),
    ((64, 6, 14, 14), (16, 6, 5, 5), 1, 0, 1),
    ((32, 32, 26, 26), (64, 32, 3, 3), 1, 0, 1),
    ((32, 64, 16, 16), (64, 64, 3, 3), 1, 1, 1),
    ((32, 64, 16, 16), (64, 1, 3, 3), 1, 1, 64),
    ((32, 16, 28, 28), (32, 16, 3, 3), 1, 1, 1),
    ((32, 64, 32, 32), (64, 64, 3, 3), 1, 1, 1),
    ((32, 64, 32, 32), (128, 64, 3, 3), 2, 1, 1),
    ((32, 64, 32, 32), (128, 64, 1, 1), 2, 0, 1),
    ((32, 256, 8, 8), (256, 256, 3, 3), 1, 1, 1),
    ((32, 512, 4, 4), (512, 512, 3, 3), 1, 1, 1),
    ((4, 3, 112, 112), (64, 3, 7, 7), 2, 3, 1),
    ((4, 64, 56, 56), (64, 64, 3, 3), 1, 1, 1),
    ((16, 64, 16, 16), (64, 16, 3, 3), 1, 1, 4),
    ((16, 128, 16, 16), (128, 4, 3, 3), 1, 1, 32),
    ((16, 32, 16, 16), (64, 1, 3, 3), 1, 1, 32),
]
# images, weight, stride, padding of the convolution that each is the adjoint of
TRANSPOSED = [
    ((16, 512, 4, 4), (512, 256, 4, 4), 2, 1),
    ((16, 256, 8, 8), (256, 128, 4, 4), 2, 1),
    ((16, 128, 16, 16), (128, 64, 4, 4), 2, 1),
    ((16, 64, 32, 32), (64, 3, 4, 4), 2, 1),
    ((8, 64, 16, 16), (64, 32, 2, 2), 2, 0),
]
# images, kernel, stride, padding
POOLS = [
    ((64, 10, 24, 24), 2, 2, 0),
    ((64, 20, 10, 10), 2, 2, 0),
    ((16, 64, 32, 32), 3, 2, 1),
    ((4, 64, 13, 13), 5, 1, 2),
]
NORMS = [(32, 64, 32, 32), (32, 128, 16, 16), (32, 512, 4, 4)]


def convolutions():
    """(name, jtorch's form, the textbook's, shapes of the inputs)."""
    from jax import lax

    from jtorch.core.ops.windows.convolve import Window, convolve

    for x, w, stride, padding, groups in CONVOLUTIONS:
        window = Window((stride,) * 2, ((padding,) * 2,) * 2, (1, 1), groups)

        def textbook(x, w, window=window):
            return lax.conv_general_dilated(x, w, window.stride, window.padding, feature_group_count=window.groups)

        yield f"conv2d {x} {w} /{stride} +{padding}", lambda x, w, o=window: convolve(x, w, o), textbook, [x, w]


def adjoints():
    """As `convolutions`, for transposed ones."""
    from jax import lax

    from jtorch.core.ops.windows.convolve import Window, transposed

    for x, w, stride, padding in TRANSPOSED:
        window = Window((stride,) * 2, ((padding,) * 2,) * 2, (1, 1), 1)
        around = [(w[2] - 1 - padding,) * 2] * 2

        def textbook(x, w, stride=(stride,) * 2, around=around):
            return lax.conv_transpose(
                x, w, stride, around, dimension_numbers=("NCHW", "OIHW", "NCHW"), transpose_kernel=True
            )

        yield (
            f"conv_transpose2d {x} {w} /{stride} +{padding}",
            lambda x, w, o=window: transposed(x, w, o),
            textbook,
            [x, w],
        )


def pools():
    """As `convolutions`, for the largest and the mean."""
    import numpy as np
    from jax import lax

    from jtorch.core.ops.windows import pooling

    for x, kernel, stride, padding in POOLS:
        pairs = [(v,) * 2 for v in (kernel, stride, padding, 1)]
        windows = pooling.windows_of(x[2:], *pairs, False)
        box = ((1, 1, kernel, kernel), (1, 1, stride, stride), ((0, 0), (0, 0), *windows.padding))
        shown = f"{x} {kernel} /{stride} +{padding}"
        of = [("max", pooling.window_max, -np.inf, lax.max), ("sum", pooling.window_sum, 0.0, lax.add)]
        for name, form, start, combine in of:
            yield (
                f"{name} pool {shown}",
                lambda x, form=form, windows=windows: form(x, windows),
                lambda x, start=start, combine=combine, box=box: lax.reduce_window(x, start, combine, *box),
                [x],
            )


def norms():
    """As `convolutions`, for batch norm in training."""
    import jax.numpy as jnp

    from jtorch.core.ops.layers.normalization import _batch_normed

    def textbook(x, scale, shift):
        mean, variance = x.mean((0, 2, 3), keepdims=True), x.var((0, 2, 3), keepdims=True)
        return (x - mean) / jnp.sqrt(variance + 1e-5) * scale[:, None, None] + shift[:, None, None]

    for x in NORMS:
        yield (
            f"batch norm {x}",
            lambda x, scale, shift: _batch_normed(x, scale, shift, 1e-5)[0],
            textbook,
            [x, x[1:2], x[1:2]],
        )


def compiled(form, shapes, options=None):
    """A function of a number of steps: runs the compiled forward and backward of the form that often, returns seconds a step."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    rng = np.random.default_rng(0)
    inputs = [jnp.asarray(rng.standard_normal(shape), "float32") for shape in shapes]
    cotangent = jnp.asarray(rng.standard_normal(jax.eval_shape(form, *inputs).shape), "float32")

    def both(inputs, cotangent):
        y, pull = jax.vjp(form, *inputs)
        return y, pull(cotangent)

    program = jax.jit(both, compiler_options=options).lower(inputs, cotangent).compile()

    def burst(steps):
        start = time.perf_counter()
        for _ in range(steps):
            out = program(inputs, cotangent)
        jax.block_until_ready(out)
        return (time.perf_counter() - start) / steps

    burst(2)
    return burst


def race(mine, theirs, rounds):
    """(ms of mine, ms of theirs, ratio): medians over alternating bursts."""
    steps = [max(1, round(BURST_S / burst(2))) for burst in (mine, theirs)]
    times = [(mine(steps[0]), theirs(steps[1])) for _ in range(rounds)]
    a, b = (1e3 * statistics.median(column) for column in zip(*times, strict=True))
    return a, b, statistics.median(x / y for x, y in times)


def run(arguments):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})  # before JAX counts the cores
    report = {"machine": machine.line(), "forms": {}}
    print(report["machine"])
    print(f"{'form, forward and backward':<52}{'ms':>9}{'textbook':>10}{'ratio':>8}")
    for family in (convolutions, adjoints, pools, norms):
        for name, mine, theirs, shapes in family():
            ms, textbook, ratio = race(compiled(mine, shapes), compiled(theirs, shapes), arguments.rounds)
            report["forms"][name] = {"ms": ms, "textbook_ms": textbook, "ratio": ratio}
            print(f"{name:<52}{ms:>9.3f}{textbook:>10.3f}{ratio:>8.2f}", flush=True)
    save(report, arguments.json)


if __name__ == "__main__":
    run(parser("forms", __doc__, rounds=11).parse_args())
