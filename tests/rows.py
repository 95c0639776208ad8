"""Runs a piece of code under PyTorch or jtorch and records what it does, in the one format that all tests use.

`seen` returns a dictionary for JSON, with those of these keys that apply:

    value      the value of the last line, if it is an expression
    printed    what was printed
    raises     [type, message] of the exception that ended it
    warnings   [[category, message], ...]

A fixture holds {"torch": version, "rows": {name: seen}}, a row a line; a row without a name of its own is named by its
code. A `Table` runs the rows of one fixture and compares; `python -m tests.make NAME` writes the fixture.
"""

import ast
import contextlib
import functools
import io
import json
import math
import re
import sys
import types
import typing
import warnings

import numpy as np

from tests import FIXTURES

# Warnings about PyTorch's own insides, or about the machine.
IGNORED = (
    "torch.jit",
    "get_attr Node",
    "create_graph=True will create a reference cycle",
    "worker processes in total",
    "not supported with oneDNN",
    "nested tensors is in prototype stage",
)


class Near(typing.NamedTuple):
    """How far numbers may be apart: relative and absolute, and whether this holds for numbers in texts."""

    rel: float = 0.0
    abs: float = 0.0
    texts: bool = False

    def __call__(self, a, b):
        return math.isclose(a, b, rel_tol=self.rel, abs_tol=self.abs)


class Table:
    """The rows of a fixture: their code, how to run one, and what it did under PyTorch.

    `row(torch, code)` is what `seen` gives of it. `near` says how far numbers may be from PyTorch's.
    """

    def __init__(self, name, programs, row, near=None):
        self.name, self.programs, self.row, self.near = name, programs, row, near or Near()

    @functools.cached_property
    def recorded(self):
        """name -> what the row did under PyTorch."""
        return load(f"{self.name}.json", self.name)["rows"]

    def seen(self, torch, name):
        """What the row does now."""
        return self.row(torch, self.programs[name])

    def compare(self, name, got):
        """The differences between what a row did and the fixture, as text."""
        if name not in self.recorded:
            return [
                f"fixtures/{self.name}.json has no row {name!r}; with PyTorch 2.13 installed, run: {command(self.name)}"
            ]
        return differences(got, self.recorded[name], self.near)

    def differences(self, torch, name):
        """Run the row under `torch`: its differences from the fixture, as text."""
        return self.compare(name, self.seen(torch, name))

    def make(self, torch):
        """Writes the fixture."""
        rows = {name: self.row(torch, code) for name, code in self.programs.items()}
        lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
        text = f'{{"torch": "{torch.__version__}",\n"rows": {{\n{lines}\n}}}}\n'
        (FIXTURES / f"{self.name}.json").write_text(text)


def load(path, maker):
    """A JSON file under tests/fixtures; `maker` is the name that `python -m tests.make` writes it by."""
    return json.loads(fixture(path, maker).read_text())


def fixture(path, maker):
    """A file under tests/fixtures, or an error that says how to make it."""
    file = FIXTURES / path
    if not file.exists():
        raise FileNotFoundError(f"{file} is missing; with PyTorch 2.13 installed, run: {command(maker)}")
    return file


def command(maker):
    """The command that writes a fixture."""
    return f"python -m tests.make {maker}"


def sections(path):
    """name -> text of every section of a file that a line `#: name` begins."""
    parts = ("\n" + path.read_text()).split("\n#: ")[1:]
    return {name: code for name, _, code in (part.partition("\n") for part in parts)}


def blocks(path):
    """The blocks of a file, which blank lines separate, without comments."""
    parts = re.split(r"\n\n+", path.read_text().strip())
    return [part.strip() for part in parts if not part.startswith("#")]


def as_torch(text):
    """The text with jtorch's name as PyTorch's, and without addresses."""
    return re.sub(r"0x[0-9a-f]+", "0x", text.replace("jtorch", "torch"))


def with_imports(code, torch):
    """The code with its imports from `torch`, which may be jtorch."""
    return code.replace("from torch", f"from {torch.__name__}")


def run(torch, code, names=(), module="__main__"):
    """Run the code in a new module, where pickle finds its classes. Returns the value of a last expression."""
    made = types.ModuleType(module)
    space = vars(made)
    space.update({"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "np": np, "math": math}, **dict(names))
    body = ast.parse(with_imports(code, torch)).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    before = sys.modules.get(module)
    sys.modules[module] = made
    try:
        exec(compile(ast.Module(body, []), module, "exec"), space)
        return None if last is None else eval(compile(ast.Expression(last.value), module, "eval"), space)
    finally:
        if before is not None:
            sys.modules[module] = before


def seen(look, warned=True):
    """What `look()` returns (JSON or None), prints, raises and warns of."""
    made, printed = {}, io.StringIO()
    with contextlib.redirect_stdout(printed), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always" if warned else "ignore")
        try:
            value = look()
            if value is not None:
                made["value"] = json.loads(json.dumps(value))
        except Exception as error:
            made["raises"] = [type(error).__name__, message(error)]
    if printed.getvalue():
        made["printed"] = as_torch(printed.getvalue())
    told = [[w.category.__name__, as_torch(_cut(str(w.message)))] for w in caught if not _inside(str(w.message))]
    return made | ({"warnings": told} if told else {})


def message(error):
    """An exception's text, without parts that differ from run to run and without places in PyTorch's source."""
    text = str(error).partition("\nException raised")[0]
    text = re.sub(r"without an implementation for( abstract methods?) '(\w+)'", r"with\1 \2", text)  # Python 3.12
    if "\nOriginal Traceback" in text:  # keep the first and the last line of a worker's traceback
        lines = text.strip().split("\n")
        text = f"{lines[0]}\n{lines[1]}\n...\n{lines[-1].split('.')[-1]}"
    return re.sub(r"pid\(s\) \d+", "pid(s) N", as_torch(text))


def _inside(text):
    return any(part in text for part in IGNORED)


def _cut(text):
    """The text without places in PyTorch's source and without the user's code that PyTorch quotes."""
    return text.partition(" (Triggered internally")[0].partition(" Traceback of forward call")[0]


# ---- results as JSON

FIELDS = {
    "dtype": lambda t: str(t.dtype).removeprefix("jtorch.").removeprefix("torch."),
    "shape": lambda t: list(t.shape),
    "value": lambda t: "meta" if t.device.type == "meta" else numbers(t.detach()),
    "stride": lambda t: list(t.stride()),
    "offset": lambda t: t.storage_offset(),
    "version": lambda t: t._version,
    "is_view": lambda t: t._is_view(),
    "grad_fn": lambda t: None if t.grad_fn is None else t.grad_fn.name().removeprefix("torch::autograd::"),
    "requires_grad": lambda t: t.requires_grad,
}


def plain(torch, value, fields=("dtype", "value"), extra=lambda tensor: {}):
    """A result as JSON: a tensor as these fields and those of `extra`, a container as [type, item, ...]."""
    again = lambda v: plain(torch, v, fields, extra)
    if isinstance(value, torch.Tensor):
        if value.layout is not torch.strided:
            return as_torch(repr(value))
        return {name: FIELDS[name](value) for name in fields} | extra(value)
    if isinstance(value, np.generic):
        return [f"np.{value.dtype}", value.item()]
    if isinstance(value, np.ndarray):
        return ["array", value.tolist()]
    if isinstance(value, dict):
        return [type(value).__name__, *([again(key), again(v)] for key, v in value.items())]
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, list | tuple) or hasattr(value, "__len__"):
        return [type(value).__name__, *map(again, value)]
    return as_torch(repr(value))


def numbers(tensor):
    """The numbers of a tensor as nested lists: complex ones as pairs, NaN and infinity as text."""
    return _numbers(tensor.tolist())


def _numbers(value):
    if isinstance(value, list):
        return [_numbers(v) for v in value]
    if isinstance(value, complex):
        return [_numbers(value.real), _numbers(value.imag)]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def everything(torch, value):
    """All that PyTorch shows of a tensor, with the gradient of a leaf."""
    grad = lambda t: {"grad": numbers(t.grad)} if t.is_leaf and t.grad is not None else {}
    return plain(torch, value, FIELDS, grad)


# ---- comparing

NUMBER = re.compile(r"(-?\d+\.\d*(?:e[+-]?\d+)?)")


def differences(got, want, near, where=""):
    """The differences between two rows, as text."""
    if isinstance(got, dict) and isinstance(want, dict):
        keys = dict.fromkeys([*want, *got])
        pairs = [(f"{where}.{key}", got.get(key, "missing"), want.get(key, "missing")) for key in keys]
    elif isinstance(got, list) and isinstance(want, list) and len(got) == len(want):
        pairs = [(f"{where}[{i}]", g, w) for i, (g, w) in enumerate(zip(got, want, strict=True))]
    else:
        return [] if _same(got, want, near) else [f"{where}: got {str(got)[:300]}, want {str(want)[:300]}"]
    return [text for place, g, w in pairs for text in differences(g, w, near, place)]


def _same(got, want, near):
    if type(got) is not type(want):
        return False
    if isinstance(got, str) and near.texts:
        ours, theirs = NUMBER.split(got), NUMBER.split(want)
        return ours[::2] == theirs[::2] and all(map(near, map(float, ours[1::2]), map(float, theirs[1::2])))
    return got == want or (isinstance(got, float) and near(got, want))
