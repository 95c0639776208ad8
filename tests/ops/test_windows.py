"""Sliding windows on arrays: each algorithm to convolve or pool gives the results and derivatives of XLA's own.

`samples_windows` compares with PyTorch.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

import jtorch as torch
from jtorch.core.facts import once
from jtorch.core.ops.windows import convolve, pooling
from jtorch.core.ops.windows.convolve import Window

# input, weight, stride, padding, dilation, groups
CONVOLUTIONS = {
    "few channels": ((4, 1, 9, 8), (10, 1, 5, 5), 1, 0, 1, 1),
    "few channels, padded": ((4, 3, 9, 8), (6, 3, 3, 3), 1, 1, 1, 1),
    "one image": ((1, 1, 9, 8), (4, 1, 5, 5), 1, 0, 1, 1),
    "unpadded": ((6, 10, 9, 8), (20, 10, 3, 3), 1, 0, 1, 1),
    "a batch of a prime": ((7, 5, 6, 6), (3, 5, 2, 3), 1, 0, 1, 1),
    "many channels": ((3, 5, 9, 8), (17, 5, 3, 3), 2, 1, 1, 1),
    "dilated": ((4, 8, 9, 8), (5, 8, 3, 3), 1, 0, 2, 1),
    "depthwise": ((4, 4, 9, 8), (4, 1, 3, 3), 1, 1, 1, 4),
    "depthwise, a large kernel": ((4, 4, 9, 8), (4, 1, 5, 4), 1, 2, 1, 4),
    "depthwise, a large kernel, strided": ((1, 4, 19, 18), (4, 1, 4, 5), 2, 1, 2, 4),
    "depthwise, a long signal": ((3, 4, 30), (4, 1, 11), 2, 5, 1, 4),
    "depthwise, strided": ((1, 4, 9, 8), (4, 1, 3, 3), 2, 1, 1, 4),
    "groups": ((4, 4, 9, 8), (8, 2, 3, 3), 1, 0, 1, 2),
    "groups, strided": ((16, 6, 18, 17), (9, 2, 3, 3), 2, 1, 1, 3),
    "depthwise, multiplied": ((4, 4, 9, 8), (8, 1, 3, 3), 1, 1, 1, 4),
    "one cell": ((5, 6, 9, 8), (3, 6, 1, 1), 2, 0, 1, 1),
    "large images": ((16, 4, 18, 17), (5, 4, 3, 3), 1, 1, 1, 1),
    "large images, few channels": ((16, 2, 35, 34), (17, 2, 3, 3), 2, 1, 1, 1),
    "a signal": ((4, 2, 9), (3, 2, 3), 1, 0, 1, 1),
    "a volume": ((4, 2, 5, 4, 6), (3, 2, 2, 2, 3), 1, 0, 1, 1),
}


def row(name):
    """(shape of the input, shape of the weight, window) of a convolution."""
    x_shape, w_shape, stride, padding, dilation, groups = CONVOLUTIONS[name]
    dims = len(x_shape) - 2
    return x_shape, w_shape, Window((stride,) * dims, ((padding, padding),) * dims, (dilation,) * dims, groups)


def doubles(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape))


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_every_way_to_convolve_agrees_to_the_second_derivative(name, quick_jit):
    agree(convolve.convolve, convolve._direct, *row(name), quick_jit)


def agree(ours, plain, x_shape, w_shape, window, quick_jit):
    """Hold that two algorithms have the same `derivatives`."""
    with jax.enable_x64(True):
        x, w, dx, dw = doubles(*x_shape), doubles(*w_shape), doubles(*x_shape, seed=1), doubles(*w_shape, seed=2)
        cotangent = doubles(*plain(x, w, window).shape, seed=3)
        found = quick_jit(derivatives, static_argnums=(0, 6))
        results = [found(way, x, w, dx, dw, cotangent, window) for way in (ours, plain)]
    for mine, wanted in zip(*results, strict=True):
        np.testing.assert_allclose(mine, wanted, rtol=1e-9, atol=1e-9)


def test_the_rows_take_every_way():
    taken = set()
    for name in CONVOLUTIONS:
        taken.update(way.__name__ for way in convolve._ways(*row(name)))
    ways = "_direct _shifted_copies _shifts _shifts_in_a_loop _patch_columns _cell_by_cell _with_full_vectors"
    assert taken == {*ways.split()}


@pytest.mark.parametrize("size, most", [(3, 400), (5, 600), (7, 600), (31, 600)])
def test_the_gradients_of_a_depthwise_convolution_are_a_short_program(size, most):
    window = Window((1, 1), ((size // 2, size // 2),) * 2, (1, 1), 32)
    x, w = jnp.ones((8, 32, 28, 28), "float32"), jnp.ones((32, 1, size, size), "float32")
    gradients = jax.jit(jax.grad(lambda x, w: convolve.convolve(x, w, window).sum(), (0, 1)))
    assert gradients.lower(x, w).compile().as_text().count(" = ") < most


@pytest.mark.parametrize("name", [name for name, (*_, groups) in CONVOLUTIONS.items() if groups == 1])
def test_the_weights_gradient_is_the_same_in_every_way(name, quick_jit):
    x_shape, w_shape, window = row(name)

    def gradient(way, x, w):
        y, pull = jax.vjp(lambda w: way(x, w, window), w)
        return y, pull(jnp.cos(jnp.arange(y.size)).reshape(y.shape))[0]

    with jax.enable_x64(True):
        x, w = doubles(*x_shape), doubles(*w_shape)
        plain, *others = [
            quick_jit(partial(gradient, way))(x, w)
            for way in (convolve._direct, convolve._patch_columns, convolve._cell_by_cell, convolve._with_full_vectors)
        ]
    for found in others:
        for a, b in zip(found, plain, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


# input, weight, stride, padding before and after (a surplus is cut off the end of the result), dilation, groups
TRANSPOSED = {
    "two by two": ((4, 6, 5, 4), (6, 5, 2, 2), 2, (0, 0), 1, 1),
    "overlapping": ((3, 6, 5, 4), (6, 5, 4, 4), 2, (1, 1), 1, 1),
    "a larger result": ((3, 4, 5, 4), (4, 6, 3, 3), 3, (1, -1), 1, 1),
    "few channels": ((4, 6, 5, 4), (6, 3, 4, 4), 2, (1, 1), 1, 1),
    "one image": ((1, 6, 5, 4), (6, 5, 3, 3), 1, (1, 1), 1, 1),
    "dilated": ((2, 4, 5, 4), (4, 5, 3, 2), 2, (1, 1), 2, 1),
    "gaps": ((2, 4, 5, 4), (4, 5, 2, 2), 3, (0, 0), 1, 1),
    "groups": ((2, 4, 5, 4), (4, 3, 3, 3), 2, (1, 0), 1, 2),
    "a signal": ((4, 5, 9), (5, 4, 3), 2, (1, 0), 1, 1),
    "a volume": ((2, 5, 3, 4, 2), (5, 4, 2, 3, 2), 2, (1, 1), 1, 1),
}


@pytest.mark.parametrize("name", TRANSPOSED)
def test_every_way_to_spread_an_image_agrees_to_the_second_derivative(name, quick_jit):
    x_shape, w_shape, stride, padding, dilation, groups = TRANSPOSED[name]
    dims = len(x_shape) - 2
    window = Window((stride,) * dims, (padding,) * dims, (dilation,) * dims, groups)
    agree(convolve.transposed, convolve._dilated, x_shape, w_shape, window, quick_jit)


def derivatives(way, x, w, dx, dw, cotangent, window):
    """The result, its gradients, the gradients of their projection, the forward derivative, and the result under vmap."""

    def of(x, w):
        return way(x, w, window)

    def projected(x, w):
        gx, gw = jax.vjp(of, x, w)[1](cotangent)
        return (gx * dx).sum() + (gw * dw).sum()

    mapped = jax.vmap(of, (0, None))(jnp.stack([x, dx]), w)
    forward = jax.jvp(of, (x, w), (dx, dw))[1]
    return [of(x, w), *jax.vjp(of, x, w)[1](cotangent), *jax.grad(projected, (0, 1))(x, w), forward, mapped]


# sizes, kernel, stride, padding
POOLS = {
    "tiles": ((6, 8), (2, 2), (2, 2), (0, 0)),
    "tiles with a rest": ((7, 8), (3, 2), (3, 2), (0, 0)),
    "overlapping": ((7, 8), (2, 2), (1, 1), (0, 0)),
    "dimension by dimension": ((9, 8), (3, 3), (2, 2), (1, 1)),
    "a volume": ((5, 4, 6), (3, 2, 3), (2, 1, 1), (1, 0, 1)),
}


@pytest.mark.parametrize("name", POOLS)
def test_every_way_to_pool_agrees_with_xla(name, quick_jit):
    sizes, kernel, stride, padding = POOLS[name]
    dims = len(sizes)
    windows = pooling.windows_of(sizes, kernel, stride, padding, (1,) * dims, False)
    edges = ((0, 0), (0, 0), *[(p, p) for p in padding])

    def plain(initial, combine):
        def reduced(x):
            return lax.reduce_window(x, initial, combine, (1, 1, *kernel), (1, 1, *stride), edges)

        return reduced

    def with_gradient(pool, x):
        y, pull = jax.vjp(pool, x)
        return y, pull(jnp.arange(y.size, dtype="f4").reshape(y.shape))[0]

    x = np.random.default_rng(0).permutation(6 * int(np.prod(sizes))).reshape(2, 3, *sizes).astype("f4")
    mine = [partial(pooling.window_max, windows=windows), partial(pooling.window_sum, windows=windows)]
    for ours, theirs in zip(mine, (plain(-np.inf, lax.max), plain(0.0, lax.add)), strict=True):
        found, wanted = [quick_jit(partial(with_gradient, pool))(x) for pool in (ours, theirs)]
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kernel, stride", [(2, 2), (2, 1), (3, 1)])
def test_the_first_of_equals_gets_the_gradient(kernel, stride):
    x = torch.zeros(1, 1, 4, 4, requires_grad=True)
    torch.nn.functional.max_pool2d(x, kernel, stride)[0, 0, 0, 0].backward()
    assert x.grad[0, 0].nonzero().tolist() == [[0, 0]]


def test_running_statistics_move_towards_the_batch():
    x = torch.tensor([[1.0, 10.0], [3.0, 30.0]])
    mean, variance = torch.zeros(2), torch.ones(2)
    torch.nn.functional.batch_norm(x, mean, variance, training=True, momentum=0.25)
    np.testing.assert_allclose(mean.numpy(), [0.5, 5.0])
    np.testing.assert_allclose(variance.numpy(), [0.75 + 0.25 * 2, 0.75 + 0.25 * 200])
    assert not mean.requires_grad


def test_padding_same_with_an_even_kernel_warns_once():
    once.let_come_again("padding='same'")
    conv1d = torch.nn.functional.conv1d
    with pytest.warns(UserWarning, match="zero-padded copy"):
        conv1d(torch.ones(1, 1, 5), torch.ones(1, 1, 2), padding="same")
    conv1d(torch.ones(1, 1, 5), torch.ones(1, 1, 2), padding="same")


@pytest.mark.parametrize("align_corners", [True, False])
def test_doubles_are_resized_in_double_precision(align_corners):
    x = torch.linspace(0, 1, 18, dtype=torch.float64).view(1, 1, 18)
    out = torch.nn.functional.interpolate(x, size=31, mode="linear", align_corners=align_corners)
    at = np.linspace(0, 1, 31) if align_corners else np.clip(((np.arange(31) + 0.5) * 18 / 31 - 0.5) / 17, 0, 1)
    np.testing.assert_allclose(out.flatten().numpy(), at, rtol=0, atol=1e-14)
