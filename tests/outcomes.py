"""Runs a small program under PyTorch or jtorch and writes down all that can be seen of it, as JSON.

The programs of test_views and test_fuzz name their results p (a leaf), x, y, z and r.
"""

import math
import warnings

NAMES = ("p", "x", "y", "z", "r")


def outcome(torch, program):
    """What the program did: the error it raised, or the facts of its results."""
    space = {"torch": torch, "np": __import__("numpy")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(program, space)
            return {name: facts(torch, space[name]) for name in NAMES if name in space}
        except Exception as error:
            return {"error": [type(error).__name__, str(error).partition("\nException raised")[0]]}


def facts(torch, value):
    """A result as JSON: all that PyTorch shows of a tensor, sequences item by item."""
    if isinstance(value, torch.Tensor):
        edge = value.grad_fn
        seen = {
            "value": numbers(value.detach().tolist()), "dtype": str(value.dtype), "shape": list(value.shape),
            "stride": list(value.stride()), "offset": value.storage_offset(), "version": value._version,
            "requires_grad": value.requires_grad, "is_view": value._is_view(),
            "grad_fn": None if edge is None else edge.name().removeprefix("torch::autograd::"),
        }  # fmt: skip
        if value.is_leaf and value.grad is not None:
            seen["grad"] = numbers(value.grad.tolist())
        return seen
    if isinstance(value, tuple | list):
        return [facts(torch, item) for item in value]
    return value if isinstance(value, int | float | str | bool | None) else str(value)


def numbers(value):
    """Nested numbers in a form that JSON keeps and == compares."""
    if isinstance(value, list):
        return [numbers(v) for v in value]
    if isinstance(value, complex):
        return [numbers(value.real), numbers(value.imag)]
    if isinstance(value, float):
        return round(value, 5) if math.isfinite(value) else str(value)
    return value


def differences(got, want, path=""):
    """The leaves in which two outcomes differ, as text; numbers may differ by rounding."""
    if isinstance(got, dict) and isinstance(want, dict):
        keys = sorted(got.keys() | want.keys())
        return [d for k in keys for d in differences(got.get(k, "missing"), want.get(k, "missing"), f"{path}.{k}")]
    if isinstance(got, list) and isinstance(want, list) and len(got) == len(want):
        return [d for i, (a, b) in enumerate(zip(got, want, strict=True)) for d in differences(a, b, f"{path}[{i}]")]
    if isinstance(got, float) and isinstance(want, int | float) and abs(got - want) <= 1e-4 * max(1, abs(want)):
        return []
    return [] if got == want else [f"{path}: got {got!r}, want {want!r}"]


def refusal(torch, code):
    """[exception, message] of a line of code; None where it is taken."""
    space = {
        "torch": torch, "F": torch.nn.functional, "nn": torch.nn, "np": __import__("numpy"), "x": torch.ones(2, 3),
        "i": torch.tensor([0, 1]), "b": torch.tensor([True, False, True]), "s": torch.tensor(2.0),
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            exec(code, space)
            space.clear()
            torch.ones(1).add(1).item()  # what needs data to be refused is refused at the next look
        except Exception as error:
            text = str(error).partition("\nException raised")[0]
            return [type(error).__name__, text.replace("jtorch", "torch")]
    return None
