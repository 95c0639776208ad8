"""Tables of expressions: what a row gives, in a form that can be written down and compared.

A table is a text file: what every row finds (`leaves` are the tensors to differentiate by), a line `----`, and one
expression a line. Of a tensor: the chain of its nodes, dtype, shape, strides, whether it is a view, its values and the
gradients of a fixed function of it. As a script it prints where jtorch differs from PyTorch on a table:

    python -m tests.tables.expressions tests/fixtures/tables/fft.txt
"""

import json
import math
import sys
import warnings
from pathlib import Path

import numpy as np

from tests import FIXTURES

FOLDER = FIXTURES / "tables"


def read(path):
    """(setup, rows, depth): a first line `# depth: n` bounds the chains of nodes, 1 unless it says otherwise; -1 is for
    values alone.

    In a table that begins with `# nodes` no value is looked at, which costs no program.
    """
    setup, _, rows = path.read_text().partition("----\n")
    first = setup.partition("\n")[0]
    depth = int(first.removeprefix("# depth: ")) if first.startswith("# depth: ") else 1
    return setup, [row for row in rows.split("\n") if row.strip()], depth


def as_torch(text):
    return text.replace("jtorch", "torch")


def chain(node, depth):
    """A node with what is behind it: Mul(AccumulateGrad, -)."""
    if node is None:
        return "-"
    name = type(node).__name__.removesuffix("Backward0")
    if not depth or not node.next_functions:
        return name
    behind = [chain(n, depth - 1) + (f"#{nr}" if nr else "") for n, nr in node.next_functions]
    return f"{name}({', '.join(behind)})"


def numbers(torch, tensor):
    """The values as nested lists that JSON can hold: complex numbers as pairs, NaN and inf as text."""
    tensor = tensor.detach().resolve_conj().resolve_neg()
    tensor = torch.view_as_real(tensor) if tensor.is_complex() else tensor
    values = (tensor.float() if tensor.dtype is torch.bfloat16 else tensor).numpy()
    plain = [str(v) if isinstance(v, float) and not math.isfinite(v) else v for v in values.reshape(-1).tolist()]
    return plain


def written(torch, value, depth, values=True):
    """A result in a form that JSON can hold."""
    if isinstance(value, torch.Tensor):
        if value.layout is not torch.strided:
            return as_torch(repr(value))
        made = {"dtype": str(value.dtype).removeprefix("torch."), "shape": list(value.shape)}
        if values:
            made["values"] = "meta" if value.device.type == "meta" else numbers(torch, value)
        if depth >= 0:
            made |= {"stride": list(value.stride()), "view": value._is_view(), "node": chain(value.grad_fn, depth)}
        made["requires_grad"] = value.requires_grad
        return made
    if isinstance(value, tuple | list):
        return [type(value).__name__, *[written(torch, v, depth, values) for v in value]]
    if isinstance(value, dict):
        return {str(k): written(torch, v, depth, values) for k, v in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, bool | int | float | str | None) else as_torch(repr(value))


def gradients(torch, value, leaves):
    """The gradients of a function of a result's tensors whose cotangents differ from element to element."""
    tensors = [t for t in (value if isinstance(value, tuple | list) else [value]) if isinstance(t, torch.Tensor)]
    tensors = [t for t in tensors if t.requires_grad and t.layout is torch.strided]
    if not tensors or not leaves:
        return None
    total = sum(((t * t.conj()).real / 2 + t.real if t.is_complex() else t * t.detach().cos()).sum() for t in tensors)
    return [g if g is None else written(torch, g, -1) for g in torch.autograd.grad(total, leaves, allow_unused=True)]


def outcome(torch, setup, row, depth):
    """What a row gives: {"value", "grads"}, or {"error": [type, message]}."""
    space = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "np": np, "math": math}
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(setup, space)
            value = eval(row, space)
            made = {"value": written(torch, value, depth, not setup.startswith("# nodes"))}
        except Exception as error:
            return {"error": [type(error).__name__, as_torch(str(error))]}
        if setup.startswith("# nodes"):
            return made
        try:
            made["grads"] = gradients(torch, value, space.get("leaves"))
        except Exception as error:
            made["grads"] = [type(error).__name__, as_torch(str(error))]
    return made


def differences(got, want, where=""):
    """Where two outcomes differ; numbers may by 2e-4 of their size, for sums are taken in other orders."""
    if isinstance(want, dict) and isinstance(got, dict):
        keys = dict.fromkeys([*want, *got])
        return [d for k in keys for d in differences(got.get(k, "-"), want.get(k, "-"), f"{where}.{k}")]
    if isinstance(want, list) and isinstance(got, list) and len(got) == len(want):
        return [d for i, (g, w) in enumerate(zip(got, want, strict=True)) for d in differences(g, w, f"{where}[{i}]")]
    if isinstance(want, float) and isinstance(got, float) and abs(got - want) <= 2e-5 + 2e-4 * abs(want):
        return []
    same = type(got) is type(want) and got == want
    return [] if same else [f"{where}: got {str(got)[:300]}, want {str(want)[:300]}"]


def main(paths):
    import torch

    import jtorch

    for path in map(Path, paths):
        setup, rows, depth = read(path)
        failed = 0
        for row in rows:
            want = json.loads(json.dumps(outcome(torch, setup, row, depth)))
            found = differences(json.loads(json.dumps(outcome(jtorch, setup, row, depth))), want)
            failed += bool(found)
            if found:
                print(row, *found[:4], sep="\n      ", flush=True)
        print(f"{path.stem}: {len(rows) - failed} of {len(rows)}")


if __name__ == "__main__":
    main(sys.argv[1:])
