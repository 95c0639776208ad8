"""Rows of `samples*.py`, and the results that PyTorch or jtorch gives for one, which tests compare."""

import importlib
import json
import warnings
from pathlib import Path

import numpy as np

import jtorch
from jtorch.core.op import OPS

HERE = Path(__file__).parent
# Keywords of a row that say how it is tried and are not the op's: "grad": False, no input requires grad; "reference", for
# an op that PyTorch does not have: a function of NumPy arrays that gives what is expected.
OF_THE_ROW = ("grad", "reference")


def families():
    """family -> {op name: rows}, of every file of samples."""
    modules = sorted(p.stem for p in HERE.glob("samples*.py"))
    return {m.partition("_")[2] or "math": importlib.import_module(f"{__package__}.{m}").SAMPLES for m in modules}


def rows(samples):
    """(name, number, args, kwargs) of each row."""
    for name, of_op in samples.items():
        for i, row in enumerate(of_op):
            kwargs = row[-1] if row and isinstance(row[-1], dict) else {}
            yield name, i, row[: len(row) - bool(kwargs)], kwargs


def function(torch, name):
    """`torch.name`, looked up in torch, its functional namespace or a dotted path; of jtorch any op, also a new one."""
    if torch is jtorch and name in OPS and not hasattr(torch, name):
        return OPS[name]
    at = torch
    for part in name.split("."):
        at = getattr(at, part, None) or getattr(torch.nn.functional, part, None) or getattr(torch.Tensor, part)
    return at


def of_the_op(kwargs):
    """The keywords of a row that the op takes."""
    return {k: v for k, v in kwargs.items() if k not in OF_THE_ROW}


def tensors(torch, value, grad=False):
    """The arrays inside `value` as tensors; with `grad`, floating-point ones require gradients."""
    if isinstance(value, np.ndarray):
        made = torch.tensor(value)
        return made.requires_grad_() if grad and value.dtype.kind in "fc" else made
    if isinstance(value, list | tuple):
        return type(value)([tensors(torch, v, grad) for v in value])
    return value


def leaves(torch, value):
    """The tensors inside `value`, in order."""
    if isinstance(value, list | tuple):
        return [leaf for v in value for leaf in leaves(torch, v)]
    return [value] if isinstance(value, torch.Tensor) else []


def cotangent(torch, like):
    """Fixed numbers that serve as the gradient of a result."""
    weights = np.cos(np.arange(like.numel())).reshape(tuple(like.shape))
    return torch.tensor(weights, dtype=like.dtype)


def array(found):
    """A copy of a tensor's values; anything else as it is."""
    return np.array(found.detach().numpy(force=True)) if hasattr(found, "detach") else found


def evaluate(torch, name, args, kwargs, also=lambda given: None):
    """What the op gives: "facts" (dtype, shape, strides, node of each result), "values" and "grads".

    Values are read only after all is recorded, gradients too, so jtorch can make one program of it. `also` is called
    just before they are read, with the arguments as tensors.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            grad = kwargs.get("grad", True)
            given = tensors(torch, args, grad)
            facts, values, grads = record(torch, name, given, kwargs, grad)
            also(given)
            values = [array(t) for t in values]
        except Exception as error:
            return {"facts": [f"{type(error).__name__}: {error}"], "values": [], "grads": []}
        return {"facts": facts, "values": values, "grads": [array(t) for t in grads]}


def record(torch, name, given, kwargs, grad):
    """(facts, results, gradients) of a call, whose values have not been read."""
    out = function(torch, name)(*given, **{k: tensors(torch, v) for k, v in of_the_op(kwargs).items()})
    found = leaves(torch, out)
    node = lambda t: t.grad_fn and t.grad_fn.name().removeprefix("torch::autograd::")
    facts = [[str(t.dtype), list(t.shape), list(t.stride()), node(t)] for t in found]
    grads = gradients(torch, found, leaves(torch, given)) if grad else []
    return facts, found or [np.array(out)], grads


def gradients(torch, results, inputs):
    """The gradient of each floating-point input, from fixed gradients of all results; zeros if there is none."""
    ends = [t for t in results if t.requires_grad]
    if not ends:
        return []
    try:
        torch.autograd.backward(ends, [cotangent(torch, t) for t in ends])
    except RuntimeError as error:
        return [np.array(str(error))]
    wanted = [t for t in inputs if t.requires_grad]
    return [np.zeros(tuple(t.shape), "float32") if t.grad is None else t.grad for t in wanted]


def by_reference(args, kwargs):
    """What a row's own `reference` gives: values, and gradients by central differences in double precision.

    The facts are None: a reference has no strides and no node.
    """
    given = [a.astype("float64") if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a for a in args]
    total = lambda: (out := called(given)) @ np.cos(np.arange(out.size))
    called = lambda given: np.asarray(kwargs["reference"](*given, **of_the_op(kwargs)), "float64").reshape(-1)
    grads = []
    for a, own in zip(args, given, strict=True):
        if isinstance(a, np.ndarray) and a.dtype.kind == "f" and kwargs.get("grad", True):
            grads.append(_differences(total, own).astype(a.dtype))
    value = np.asarray(kwargs["reference"](*args, **of_the_op(kwargs)))
    return {"facts": None, "values": [value], "grads": grads}


def _differences(total, x, step=1e-6):
    """The gradient of `total()` with respect to the array x, which it reads."""
    found = np.zeros_like(x)
    for at in np.ndindex(x.shape):
        kept = x[at]
        x[at] = kept + step
        above = total()
        x[at] = kept - step
        found[at] = (above - total()) / (2 * step)
        x[at] = kept
    return found


def save(path, results):
    """Write {(name, row): result} compactly: the arrays, and a table of facts."""
    arrays, table = {}, {}
    for (name, i), result in results.items():
        key = f"{name}/{i}"
        table[key] = [result["facts"], len(result["values"]), len(result["grads"])]
        for part in ("values", "grads"):
            arrays.update({f"{key}/{part}/{n}": a for n, a in enumerate(result[part])})
    np.savez_compressed(path, table=json.dumps(table), **arrays)


def load(path):
    """{(name, row): result} as `save` wrote it."""
    with np.load(path) as file:
        table = json.loads(str(file["table"]))
        return {
            (key.rpartition("/")[0], int(key.rpartition("/")[2])): {
                "facts": facts,
                "values": [file[f"{key}/values/{n}"] for n in range(values)],
                "grads": [file[f"{key}/grads/{n}"] for n in range(grads)],
            }
            for key, (facts, values, grads) in table.items()
        }
