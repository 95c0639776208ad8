"""The starting weights and the batches of every workload, as NumPy arrays under PyTorch's state_dict names.

All contestants start from these, so their losses must agree; that is how a table proves that they did the
same work. Knows NumPy only.
"""

from __future__ import annotations

import numpy as np

# workload -> (shape of one batch of inputs, classes or None where the target is a batch of outputs)
INPUTS = {
    "mlp": ((32, 32), None),
    "cnn4": ((4, 1, 28, 28), 10),
    "cnn64": ((64, 1, 28, 28), 10),
    "resnet18": ((32, 3, 32, 32), 10),
}
MLP_WIDTH, MLP_DEPTH = 32, 8
RESNET_STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))  # (channels, stride of the stage's first block)


def batches(workload, count=4, seed=0):
    """`count` pairs (input, target) of float32 inputs and int64 labels (or float32 targets)."""
    rng = np.random.default_rng(seed)
    shape, classes = INPUTS[workload]

    def target():
        if classes is None:
            return rng.standard_normal(shape).astype("f4")
        return rng.integers(0, classes, shape[0])

    return [(rng.standard_normal(shape).astype("f4"), target()) for _ in range(count)]


def initial(workload, seed=1):
    """{state_dict name: array} of trainable weights: uniform in ±1/sqrt(fan_in), batch norm as 1 and 0."""
    rng = np.random.default_rng(seed)
    weights = {}

    def layer(name, *shape, bias=True):
        bound = 1 / np.sqrt(np.prod(shape[1:]))
        weights[f"{name}.weight"] = rng.uniform(-bound, bound, shape).astype("f4")
        if bias:
            weights[f"{name}.bias"] = rng.uniform(-bound, bound, shape[0]).astype("f4")

    def norm(name, channels):
        weights[f"{name}.weight"] = np.ones(channels, "f4")
        weights[f"{name}.bias"] = np.zeros(channels, "f4")

    {"mlp": _mlp, "cnn4": _cnn, "cnn64": _cnn, "resnet18": _resnet18}[workload](layer, norm)
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


def resnet_blocks():
    """(name, channels in, channels out, stride) of the eight blocks, in order."""
    inner = 64
    for stage, (outer, stride) in enumerate(RESNET_STAGES, 1):
        for i in range(2):
            yield f"layer{stage}.{i}", inner, outer, stride if i == 0 else 1
            inner = outer
