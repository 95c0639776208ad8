"""The same workloads as one hand-written `jax.jit` step with optax and donation, as JAX's guides write them.

Convolution is `lax.conv_general_dilated` in JAX's default layout, max pooling is `lax.reduce_window`, batch
norm is mean and variance. This is the limit that jtorch is measured against, so nothing here is tuned.
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import optax
from jax import lax

from bench import weights

MOMENTUM, EPS = 0.1, 1e-5  # of batch norm


def build(workload):
    """(step, compiled): `step()` trains once and returns the loss; `compiled()` is the compiled program."""
    forward, tx, criterion = {
        "mlp": (mlp, optax.adam(1e-3), mean_squared_error),
        "cnn4": (cnn, optax.sgd(0.01, momentum=0.9), cross_entropy),
        "cnn64": (cnn, optax.sgd(0.01, momentum=0.9), cross_entropy),
        "resnet18": (resnet18, optax.sgd(0.01, momentum=0.9), cross_entropy),
        "lstm": (lstm, optax.chain(optax.clip_by_global_norm(0.25), optax.sgd(1.0)), cross_entropy),
        "gpt": (gpt, optax.adamw(1e-3, weight_decay=1e-2), cross_entropy),
        "vae": (vae, optax.adam(1e-3), reconstruction_and_divergence),
    }[workload]

    @partial(jax.jit, donate_argnums=(0, 1, 2))
    def train(params, stats, opt_state, x, y):
        def loss_of(params):
            out, new_stats = forward(params, stats, x)
            return criterion(out, y), new_stats

        (loss, new_stats), grads = jax.value_and_grad(loss_of, has_aux=True)(params)
        updates, opt_state = tx.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), new_stats, opt_state, loss

    params = {name: jnp.asarray(w) for name, w in weights.initial(workload).items()}
    stats = {"resnet18": running_stats, "lstm": hidden, "vae": lambda _: jax.random.key(0)}.get(workload, lambda _: {})
    state = [params, stats(params), tx.init(params)]
    data = [(jnp.asarray(x), jnp.asarray(y)) for x, y in weights.batches(workload)]
    count = 0

    def step():
        nonlocal count
        x, y = data[count % len(data)]
        count += 1
        *state[:], loss = train(*state, x, y)
        return loss

    return step, lambda: train.lower(*state, *data[0]).compile()


def mean_squared_error(out, y):
    return jnp.mean((out - y) ** 2)


def cross_entropy(out, y):
    return optax.softmax_cross_entropy_with_integer_labels(out, y).mean()


def reconstruction_and_divergence(out, x):
    image, mean, logvar = out
    image = jnp.clip(image, 1e-12, 1 - 1e-7)
    cross = -jnp.sum(x * jnp.log(image) + (1 - x) * jnp.log(1 - image))
    return cross - 0.5 * jnp.sum(1 + logvar - mean**2 - jnp.exp(logvar))


def linear(params, name, x):
    return x @ params[f"{name}.weight"].T + params[f"{name}.bias"]


def conv(params, name, x, stride=1, padding=0):
    w = params[f"{name}.weight"]
    y = lax.conv_general_dilated(x, w, (stride, stride), ((padding, padding),) * 2)
    bias = params.get(f"{name}.bias")
    return y if bias is None else y + bias[:, None, None]


def max_pool(x, size):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, size, size), (1, 1, size, size), "VALID")


def batch_norm(params, stats, new_stats, name, x):
    mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3))
    count = x.size // x.shape[1]
    old_mean, old_var = stats[name]
    new_stats[name] = (
        (1 - MOMENTUM) * old_mean + MOMENTUM * mean,
        (1 - MOMENTUM) * old_var + MOMENTUM * var * count / (count - 1),
    )
    scale, bias = params[f"{name}.weight"], params[f"{name}.bias"]
    y = (x - mean[:, None, None]) / jnp.sqrt(var[:, None, None] + EPS)
    return y * scale[:, None, None] + bias[:, None, None]


def running_stats(params):
    norms = [n.removesuffix(".weight") for n, w in params.items() if n.endswith(".weight") and w.ndim == 1]
    return {n: (jnp.zeros_like(params[f"{n}.bias"]), jnp.ones_like(params[f"{n}.bias"])) for n in norms}


def mlp(params, stats, x):
    for i in range(weights.MLP_DEPTH - 1):
        x = jax.nn.relu(linear(params, f"layers.{i}", x))
    return linear(params, f"layers.{weights.MLP_DEPTH - 1}", x), stats


def cnn(params, stats, x):
    x = max_pool(jax.nn.relu(conv(params, "conv1", x)), 2)  # (N, 10, 12, 12)
    x = max_pool(jax.nn.relu(conv(params, "conv2", x)), 2)  # (N, 20, 5, 5)
    x = x.reshape(x.shape[0], -1)
    x = jax.nn.relu(linear(params, "fc1", x))
    x = jax.nn.relu(linear(params, "fc2", x))
    return linear(params, "fc3", x), stats


def resnet18(params, stats, x):
    new_stats = {}
    norm = partial(batch_norm, params, stats, new_stats)
    x = jax.nn.relu(norm("bn1", conv(params, "conv1", x, padding=1)))
    for name, inner, outer, stride in weights.resnet_blocks():
        y = jax.nn.relu(norm(f"{name}.bn1", conv(params, f"{name}.conv1", x, stride, 1)))
        y = norm(f"{name}.bn2", conv(params, f"{name}.conv2", y, padding=1))
        if stride != 1 or inner != outer:
            x = norm(f"{name}.shortcut.1", conv(params, f"{name}.shortcut.0", x, stride))
        x = jax.nn.relu(y + x)
    x = lax.reduce_window(x, 0.0, lax.add, (1, 1, 4, 4), (1, 1, 4, 4), "VALID") / 16
    return linear(params, "linear", x.reshape(x.shape[0], -1)), new_stats


def hidden(params):
    """The state of the LSTM that goes on from batch to batch: (h, c) of each layer."""
    shape = weights.LSTM["batch"], weights.LSTM["width"]
    return [(jnp.zeros(shape), jnp.zeros(shape)) for _ in range(weights.LSTM["layers"])]


def lstm(params, stats, x):
    x = params["encoder.weight"][x]
    states = []
    for i, start in enumerate(stats):
        w_in, w = params[f"rnn.weight_ih_l{i}"], params[f"rnn.weight_hh_l{i}"]
        bias = params[f"rnn.bias_ih_l{i}"] + params[f"rnn.bias_hh_l{i}"]

        def cell(state, x, w_in=w_in, w=w, bias=bias):
            h, c = state
            i, f, g, o = jnp.split(x @ w_in.T + h @ w.T + bias, 4, axis=-1)
            c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
            h = jax.nn.sigmoid(o) * jnp.tanh(c)
            return (h, c), h

        state, x = lax.scan(cell, start, x)
        states.append(state)
    return linear(params, "decoder", x), states


def layer_norm(params, name, x):
    mean, var = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) / jnp.sqrt(var + EPS) * params[f"{name}.weight"] + params[f"{name}.bias"]


def gpt(params, stats, x):
    heads = weights.GPT["heads"]
    x = params["wte.weight"][x] + params["wpe.weight"][: x.shape[1]]
    B, T, C = x.shape
    for i in range(weights.GPT["layers"]):
        name = f"blocks.{i}"
        qkv = linear(params, f"{name}.qkv", layer_norm(params, f"{name}.ln1", x))
        q, k, v = (t.reshape(B, T, heads, C // heads) for t in jnp.split(qkv, 3, axis=-1))
        y = jax.nn.dot_product_attention(q, k, v, is_causal=True)
        x = x + linear(params, f"{name}.proj", y.reshape(B, T, C))
        y = linear(params, f"{name}.up", layer_norm(params, f"{name}.ln2", x))
        x = x + linear(params, f"{name}.down", jax.nn.gelu(y, approximate=False))
    return layer_norm(params, "ln", x) @ params["head.weight"].T, stats


def vae(params, key, x):
    key, draw = jax.random.split(key)
    h = jax.nn.relu(linear(params, "fc1", x))
    mean, logvar = linear(params, "mean", h), linear(params, "logvar", h)
    z = mean + jax.random.normal(draw, mean.shape) * jnp.exp(0.5 * logvar)
    return (jax.nn.sigmoid(linear(params, "fc4", jax.nn.relu(linear(params, "fc3", z)))), mean, logvar), key
