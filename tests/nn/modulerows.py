"""Rows of layers: how to build one, what to call it with, and the results of PyTorch or jtorch.

A row is plain JSON: it is written from a row of PyTorch's `module_db` (`encode`) and read back by either side
(`decode`), so that both get the same arguments. Large random tensors are written as a seed and bounds.
"""

import json
import random
import warnings
import zlib

import numpy as np

from tests import FIXTURES

FIXTURE = FIXTURES / "modules.npz"
UNNAMED = {"LinearCrossEntropyLoss"}  # its node's name depends on how PyTorch splits the work into chunks
_KEPT = 12  # a tensor with more elements is written as a seed, if its values are random
_SAMPLED = 8  # values kept of each result


# ---- writing a row (from PyTorch's objects)


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
        return {
            "make": "nn.LinearCrossEntropyOptions",
            "with": encode(torch, {f: getattr(value, f) for f in value.__dataclass_fields__}),
        }
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


# ---- reading a row


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


# ---- running a row


class Run:
    """A row after the forward pass; none of its values has been read yet."""

    def __init__(self, torch, row, seed=0):
        self.found, self.wanted, self.total, self.error = [], [], None, None
        self.named = row["module"] not in UNNAMED
        random.seed(seed)
        torch.manual_seed(seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self._forward(torch, row)
            except Exception as error:
                self.error = f"{type(error).__name__}: {error}"

    def _forward(self, torch, row):
        module = getattr(torch.nn, row["module"])(*decode(torch, row["args"]), **decode(torch, row["kwargs"]))
        module = module.to(getattr(torch, row["dtype"]["name"])).train(row["training"])
        lazy = torch.nn.parameter.is_lazy
        self.first = {k: v.detach().clone() for k, v in module.state_dict().items() if not lazy(v)}
        for p in module.parameters():  # with weights of one and zero, a missing scale or shift would not show
            if not lazy(p):
                p.data.add_(weights(torch, p) * 0.1)
        args, named = decode(torch, row["inputs"]), decode(torch, row["named"])
        self.found = leaves(torch, module(*args, **named))
        self.wanted = [t for t in leaves(torch, [args, named]) if t.requires_grad] + list(module.parameters())
        learned = [(t * weights(torch, t)).sum() for t in self.found if t.requires_grad]
        self.total = sum(learned) if learned else None

    def results(self):
        """What a test compares: texts of shapes, dtypes and nodes, and the arrays of results and gradients."""
        if self.error is not None:
            return {"facts": [self.error], "arrays": []}
        drawn = zlib.crc32(b"".join(k.encode() + _numpy(v).tobytes() for k, v in self.first.items()))
        facts = [
            drawn,
            *[[str(t.dtype).rpartition(".")[2], list(t.shape), self.named and _node(t)] for t in self.found],
        ]
        grads = (
            [] if self.total is None else [np.zeros(0, "f4") if t.grad is None else _numpy(t.grad) for t in self.wanted]
        )
        return {"facts": facts, "arrays": [_numpy(t) for t in self.found] + grads}


def weights(torch, t):
    """Fixed numbers of the shape and dtype of a tensor."""
    made = np.cos(np.arange(t.numel())).reshape(tuple(t.shape))
    return torch.from_numpy(made.astype(str(t.dtype).rpartition(".")[2]))


def leaves(torch, value):
    """The tensors inside `value`, in order."""
    if isinstance(value, dict):
        return leaves(torch, list(value.values()))
    if isinstance(value, list | tuple):
        return [leaf for v in value for leaf in leaves(torch, v)]
    return [value] if isinstance(value, torch.Tensor) else []


def _node(tensor):
    return tensor.grad_fn and tensor.grad_fn.name().removeprefix("torch::autograd::")


def _numpy(tensor):
    return np.array(tensor.detach().numpy(force=True))


def run(torch, rows):
    """The results of rows, with one backward pass for all: under jtorch, one program."""
    runs = [Run(torch, row) for row in rows]
    totals = [r.total for r in runs if r.total is not None]
    if totals:
        sum(totals).backward()
    if hasattr(torch, "engine"):
        torch.engine.flush("step")
    return [r.results() for r in runs]


# ---- comparing


def digest(array):
    """A few numbers in place of an array: two projections of all its values, and some of the values."""
    flat = array.reshape(-1).astype("f8")
    finite = np.where(np.isfinite(flat), flat, 0)
    places = np.unique(np.linspace(0, max(flat.size - 1, 0), min(_SAMPLED, flat.size)).astype(int))
    return np.array([np.abs(finite).sum(), (finite * np.cos(np.arange(flat.size))).sum(), *flat[places]])


def key(row):
    """The name of a row in deviations.json."""
    given = {name: row[name] for name in ("args", "kwargs", "inputs", "named") if row[name] not in ([], {"dict": {}})}
    mode = "train" if row["training"] else "eval"
    return f"module_db: {row['module']} {mode} {zlib.crc32(json.dumps(given, sort_keys=True).encode()):08x}"


def save(rows, results):
    """Write the rows and digests of their results."""
    digests = [[digest(a) for a in r["arrays"]] for r in results]
    table = [
        [row, r["facts"], [[str(a.dtype), list(a.shape), len(d)] for a, d in zip(r["arrays"], ds, strict=True)]]
        for row, r, ds in zip(rows, results, digests, strict=True)
    ]
    numbers = np.concatenate([d for ds in digests for d in ds] or [np.zeros(0)]).astype("f4")
    np.savez_compressed(FIXTURE, table=np.frombuffer(json.dumps(table).encode(), "u1"), numbers=numbers)


def load():
    """[(row, facts, [(dtype, shape, digest) of each array])], as `save` wrote it."""
    with np.load(FIXTURE) as file:
        table, numbers = json.loads(file["table"].tobytes()), file["numbers"]
    rows, at = [], 0
    for row, facts, arrays in table:
        wanted = []
        for dtype, shape, n in arrays:
            wanted.append((dtype, shape, numbers[at : at + n]))
            at += n
        rows.append((row, facts, wanted))
    return rows


def different(result, facts, wanted):
    """How a result differs from the fixture; None if it does not."""
    if json.loads(json.dumps(result["facts"])) != facts:
        return f"{result['facts']} instead of {facts}"
    found = [(str(a.dtype), list(a.shape)) for a in result["arrays"]]
    if found != [(dtype, shape) for dtype, shape, _ in wanted]:
        return f"{found} instead of {wanted}"
    for i, (a, (_, _, expected)) in enumerate(zip(result["arrays"], wanted, strict=True)):
        mine = digest(a).astype("f4")
        size = np.abs(expected[np.isfinite(expected)]).max(initial=1)
        if not np.allclose(mine, expected, rtol=1e-4, atol=2e-5 * size, equal_nan=True):
            return f"array {i}: {mine} instead of {expected}"
    return None
