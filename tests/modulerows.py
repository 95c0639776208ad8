"""Rows of layers: how to build one, what to call it with, and what PyTorch or jtorch makes of it.

A row is plain JSON: it is written from a row of PyTorch's `module_db` (`encode`) and read back by either side
(`decode`), so that both get the same arguments. Large random tensors are written as a seed and bounds.
"""

import random
import warnings
import zlib
from pathlib import Path

import numpy as np

FIXTURE = Path(__file__).parent / "fixtures" / "modules.npz"
_KEPT = 12  # a tensor of more elements is written as a seed, where its values are any numbers
_SAMPLED = 8  # values kept of each result


# ---- writing a row down (this half sees PyTorch's objects only)


def encode(torch, value):
    """A value as JSON."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, torch.Tensor):
        return {"tensor": _encode_array(value), "grad": value.requires_grad}
    if isinstance(value, torch.dtype):
        return {"name": str(value).removeprefix("torch.")}
    if isinstance(value, list):
        return [encode(torch, v) for v in value]
    if isinstance(value, tuple):
        return {"tuple": [encode(torch, v) for v in value]}
    if isinstance(value, dict):
        return {"dict": {k: encode(torch, v) for k, v in value.items()}}
    if isinstance(value, torch.nn.TransformerEncoderLayer):
        return {"make": "nn.TransformerEncoderLayer", "with": encode(torch, _settings(value))}
    if type(value).__name__ == "LinearCrossEntropyOptions":
        return {"make": "nn.LinearCrossEntropyOptions", "with": encode(torch, {f: getattr(value, f) for f in value.__dataclass_fields__})}
    return {"name": f"nn.functional.{value.__name__}"}


def _settings(layer):
    return {
        "d_model": layer.linear1.in_features, "nhead": layer.self_attn.num_heads,
        "dim_feedforward": layer.linear1.out_features, "dropout": layer.dropout.p, "activation": layer.activation,
        "layer_norm_eps": layer.norm1.eps, "batch_first": layer.self_attn.batch_first,
        "norm_first": layer.norm_first, "bias": layer.linear1.bias is not None,
    }  # fmt: skip


def _encode_array(tensor):
    array = tensor.detach().numpy()
    name, shape = str(array.dtype), list(array.shape)
    if array.dtype.kind == "f" and array.size > _KEPT and len(np.unique(array)) > 3:
        bounds = [float(array.min()), float(array.max())]
        return [name, shape, {"between": bounds, "seed": zlib.crc32(array.tobytes())}]
    return [name, shape, array.reshape(-1).tolist()]


# ---- reading it back


def decode(torch, value):
    """The value that JSON stands for, with this module's tensors."""
    if isinstance(value, list):
        return [decode(torch, v) for v in value]
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return torch.tensor(_array(*value["tensor"])).requires_grad_(value["grad"])
    if "tuple" in value:
        return tuple(decode(torch, value["tuple"]))
    if "dict" in value:
        return {k: decode(torch, v) for k, v in value["dict"].items()}
    if "make" in value:
        return _named(torch, value["make"])(**decode(torch, value["with"]))
    return _named(torch, value["name"])


def _named(torch, path):
    at = torch
    for part in path.split("."):
        at = getattr(at, part)
    return at


def _array(name, shape, values):
    if isinstance(values, dict):
        drawn = np.random.default_rng(values["seed"]).uniform(*values["between"], shape)
        return drawn.astype(name)
    return np.array(values, name).reshape(shape)


# ---- running it


def evaluate(torch, row, seed=0):
    """What a row gives: "facts" (initial weights, then dtype, shape and node of each output), "values", "grads"."""
    random.seed(seed)
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            args, kwargs = decode(torch, row["args"]), decode(torch, row["kwargs"])
            module = getattr(torch.nn, row["module"])(*args, **kwargs).train(row["training"])
            weights = _drawn(torch, module)
            _move(torch, module)
            given = decode(torch, row["inputs"]), decode(torch, row["named"])
            found = leaves(torch, module(*given[0], **given[1]))
        except Exception as error:
            return {"facts": [f"{type(error).__name__}: {error}"], "values": [], "grads": []}
        facts = [weights, *[[str(t.dtype), list(t.shape), _node(t)] for t in found]]
        wanted = [t for t in leaves(torch, given) if t.requires_grad] + list(module.parameters())
        grads = _gradients(torch, found, wanted)
    return {"facts": facts, "values": [_numpy(t) for t in found], "grads": grads}


def _drawn(torch, module):
    """A checksum of the initial weights, bit for bit."""
    lazy = torch.nn.parameter.is_lazy
    state = {k: v for k, v in module.state_dict().items() if not lazy(v)}
    return zlib.crc32(b"".join(k.encode() + _numpy(v).tobytes() for k, v in state.items()))


def _move(torch, module):
    """Shift the weights a little: ones and zeros would hide a scale or a shift that is not applied."""
    for p in module.parameters():
        if not torch.nn.parameter.is_lazy(p) and p.is_floating_point():
            shift = 0.1 * np.cos(np.arange(p.numel())).reshape(tuple(p.shape))
            p.data.add_(torch.tensor(shift.astype(_numpy(p).dtype)))


def leaves(torch, value):
    """The tensors inside `value`, in order."""
    if isinstance(value, dict):
        return leaves(torch, list(value.values()))
    if isinstance(value, list | tuple):
        return [leaf for v in value for leaf in leaves(torch, v)]
    return [value] if isinstance(value, torch.Tensor) else []


def _node(tensor):
    return tensor.grad_fn and tensor.grad_fn.name().removeprefix("torch::autograd::")


def _gradients(torch, results, inputs):
    """The gradient of a fixed projection of all results for each input; empty where there is none."""
    total = 0
    for t in results:
        if t.requires_grad:
            weights = np.cos(np.arange(t.numel())).reshape(tuple(t.shape)).astype(str(t.dtype).rpartition(".")[2])
            total = total + (t * torch.tensor(weights)).sum()
    if isinstance(total, int):
        return []
    try:
        total.backward()
    except RuntimeError as error:
        return [np.array(str(error))]
    return [np.zeros(0, "f4") if t.grad is None else _numpy(t.grad) for t in inputs]


def _numpy(tensor):
    return np.array(tensor.detach().numpy(force=True))


# ---- comparing


def digest(array):
    """A few numbers that stand for an array: size, two projections of all of it, and some of its values."""
    flat = array.reshape(-1).astype("f8")
    finite = np.where(np.isfinite(flat), flat, 0)
    places = np.unique(np.linspace(0, max(flat.size - 1, 0), min(_SAMPLED, flat.size)).astype(int))
    sums = [np.abs(finite).sum(), (finite * np.cos(np.arange(flat.size))).sum()]
    return np.array([*sums, *flat[places]])
