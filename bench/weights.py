"""The starting weights and the batches of every workload, as NumPy arrays under PyTorch's state_dict names.

All contestants start from these, so their losses must agree; a table checks that, which shows that they did the
same work. Knows NumPy only.
"""

from __future__ import annotations

import numpy as np

MLP_WIDTH, MLP_DEPTH = 32, 8
RESNET_STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))  # (channels, stride of the stage's first block)
LSTM = {"words": 10_000, "width": 200, "layers": 2, "length": 35, "batch": 20}
GPT = {"words": 65, "width": 384, "layers": 6, "heads": 6, "length": 128, "batch": 8}
VAE = {"pixels": 784, "hidden": 400, "latent": 20, "batch": 128}


def batches(workload, count=4, seed=0):
    """`count` pairs (input, target): float32 pixels or int64 tokens, and int64 labels or float32 targets."""
    rng = np.random.default_rng(seed)

    def normal(*shape):
        return rng.standard_normal(shape).astype("f4")

    def images(n, *shape):
        return normal(n, *shape), rng.integers(0, 10, n)

    def text(words, *shape):
        stream = rng.integers(0, words, (2, *shape))
        return stream[0], stream[1]

    def pixels(*shape):
        image = rng.random(shape).astype("f4")
        return image, image.copy()  # two arrays: tensors that share one would have to follow each other's writes

    make = {
        "mlp": lambda: (normal(32, MLP_WIDTH), normal(32, MLP_WIDTH)),
        "cnn4": lambda: images(4, 1, 28, 28),
        "cnn64": lambda: images(64, 1, 28, 28),
        "resnet18": lambda: images(32, 3, 32, 32),
        "lstm": lambda: text(LSTM["words"], LSTM["length"], LSTM["batch"]),
        "gpt": lambda: text(GPT["words"], GPT["batch"], GPT["length"]),
        "vae": lambda: pixels(VAE["batch"], VAE["pixels"]),
    }[workload]
    return [make() for _ in range(count)]


def initial(workload, seed=1):
    """{state_dict name: array} of trainable weights: uniform in ±1/sqrt(fan_in), norms as 1 and 0."""
    rng = np.random.default_rng(seed)
    weights = {}

    def uniform(name, bound, *shape):
        weights[name] = rng.uniform(-bound, bound, shape).astype("f4")

    def layer(name, *shape, bias=True):
        bound = 1 / np.sqrt(np.prod(shape[1:]))
        uniform(f"{name}.weight", bound, *shape)
        if bias:
            uniform(f"{name}.bias", bound, shape[0])

    def norm(name, channels):
        weights[f"{name}.weight"] = np.ones(channels, "f4")
        weights[f"{name}.bias"] = np.zeros(channels, "f4")

    if workload == "lstm":
        _lstm(layer, uniform)
    else:
        WEIGHTS[workload](layer, norm)
    return weights


def _mlp(layer, norm):
    for i in range(MLP_DEPTH):
        layer(f"layers.{i}", MLP_WIDTH, MLP_WIDTH)


def _cnn(layer, norm):
    layer("conv1", 10, 1, 5, 5)
    layer("conv2", 20, 10, 3, 3)
    layer("fc1", 100, 500)
    layer("fc2", 50, 100)
    layer("fc3", 10, 50)


def _resnet18(layer, norm):
    layer("conv1", 64, 3, 3, 3, bias=False)
    norm("bn1", 64)
    for name, inner, outer, stride in resnet_blocks():
        layer(f"{name}.conv1", outer, inner, 3, 3, bias=False)
        norm(f"{name}.bn1", outer)
        layer(f"{name}.conv2", outer, outer, 3, 3, bias=False)
        norm(f"{name}.bn2", outer)
        if stride != 1 or inner != outer:
            layer(f"{name}.shortcut.0", outer, inner, 1, 1, bias=False)
            norm(f"{name}.shortcut.1", outer)
    layer("linear", 10, 512)


def _lstm(layer, uniform):
    width = LSTM["width"]
    layer("encoder", LSTM["words"], width, bias=False)
    for i in range(LSTM["layers"]):
        for name, shape in (("weight", (4 * width, width)), ("bias", (4 * width,))):
            uniform(f"rnn.{name}_ih_l{i}", width**-0.5, *shape)
            uniform(f"rnn.{name}_hh_l{i}", width**-0.5, *shape)
    layer("decoder", LSTM["words"], width)


def _gpt(layer, norm):
    width = GPT["width"]
    layer("wte", GPT["words"], width, bias=False)
    layer("wpe", GPT["length"], width, bias=False)
    for i in range(GPT["layers"]):
        norm(f"blocks.{i}.ln1", width)
        layer(f"blocks.{i}.qkv", 3 * width, width)
        layer(f"blocks.{i}.proj", width, width)
        norm(f"blocks.{i}.ln2", width)
        layer(f"blocks.{i}.up", 4 * width, width)
        layer(f"blocks.{i}.down", width, 4 * width)
    norm("ln", width)
    layer("head", GPT["words"], width, bias=False)


def _vae(layer, norm):
    pixels, hidden, latent = VAE["pixels"], VAE["hidden"], VAE["latent"]
    layer("fc1", hidden, pixels)
    layer("mean", latent, hidden)
    layer("logvar", latent, hidden)
    layer("fc3", hidden, latent)
    layer("fc4", pixels, hidden)


WEIGHTS = {"mlp": _mlp, "cnn4": _cnn, "cnn64": _cnn, "resnet18": _resnet18, "gpt": _gpt, "vae": _vae}
WORKLOADS = ("mlp", "cnn4", "cnn64", "resnet18", "lstm", "gpt", "vae")
NOISY = {"vae"}  # draws noise, from streams that differ between contestants: losses agree roughly only


def resnet_blocks():
    """(name, channels in, channels out, stride) of the eight blocks, in order."""
    inner = 64
    for stage, (outer, stride) in enumerate(RESNET_STAGES, 1):
        for i in range(2):
            yield f"layer{stage}.{i}", inner, outer, stride if i == 0 else 1
            inner = outer
