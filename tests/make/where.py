"""docs/where.md: the files that an addition touches, and the file in which each attribute of Tensor is defined.

The files are measured: each kind of addition has an example that is already there, and the table lists the files of jtorch whose
code names it.
"""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from jtorch.core.tensor import Tensor
from tests import ROOT

PAGE = ROOT / "docs/where.md"


class Addition(NamedTuple):
    """A kind of addition: an example of it, the tests' tables that have a row for it, the makers of what they compare with."""

    kind: str
    example: str  # names that the code of every place has, or a part of a text
    rows: str = ""
    makers: str = ""


ADDITIONS = [
    Addition("an op", "heaviside", "samples*.py", "ops"),
    Addition("a view op", "tensor_split", "samples*.py", "ops"),
    Addition("a random op", "cauchy_ cauchy", "stream_cases.py", "streams"),
    Addition("a loss", "soft_margin_loss SoftMarginLoss", "samples_nn.py layers_cases.txt", "ops layers"),
    Addition("a layer", "ChannelShuffle", "layers_cases.txt", "layers"),
    Addition("a model", "ResNet", "models.py", "models"),
    Addition("an optimizer", "Rprop", "optimizers.py", "optim"),
    Addition("a scheduler", "PolynomialLR", "schedules.py", "schedules"),
    Addition("a distribution", "Laplace", "distribution_cases.py", "distributions"),
    Addition("a dtype", "float8_e5m2", "make/printing.py", "printing"),
    Addition("a kind of device", "mtia"),
    Addition("a repr rule of tensors", "edgeitems", "make/printing.py", "printing"),
    Addition(
        "an error text", "Promotion for uint16, uint32, uint64 types is not supported", "bad_calls.txt", "bad_calls"
    ),
]
# What is written in a file, by its path.
WRITTEN = [
    (r"core/facts/dtypes\.py", "a row of the table of dtypes"),
    (r"core/facts/devices\.py", "a row of the table of kinds"),
    (r"core/streams/", "the draw on the host, in PyTorch's order"),
    (r"core/ops/make/random", "the function, and the draw of JAX's stream"),
    (r"core/ops/", "a pure function on arrays, under `@op`"),
    (r"core/tensor/printing\.py", "the rule"),
    (r"/__init__\.py|nn/functional\.py|special\.py|linalg\.py|fft\.py", "its name in the list"),
    (r"nn/", "the class"),
    (r"optim/lr_scheduler/", "the class"),
    (r"optim/", "the class: PyTorch's defaults and an optax chain"),
    (r"distributions/kl", "its divergences from others, where there are formulas"),
    (r"distributions/", "the class"),
    (r"core/op/", "the check"),
    (r"serialization/names\.py", "the module that PyTorch's checkpoints name it by"),
]


@cache
def code_of(path: Path) -> str:
    """A file's code, without comments and docstrings."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            node.body[0] = ast.Pass()
    return ast.unparse(tree)


def places(addition: Addition) -> list[str]:
    """The files of jtorch whose code names the example."""
    texts = [addition.example] if addition.kind == "an error text" else addition.example.split()
    pattern = "|".join(rf"\b{re.escape(text)}(?!\w)" for text in texts)
    named = [path for path in sorted((ROOT / "jtorch").rglob("*.py")) if re.search(pattern, path.read_text())]
    return [path.relative_to(ROOT).as_posix() for path in named if re.search(pattern, code_of(path))]


def rows(addition: Addition) -> list[str]:
    """The tables of the tests that have a row for the example."""
    found = [path for pattern in addition.rows.split() for path in sorted((ROOT / "tests").glob(f"**/{pattern}"))]
    words = addition.example.split()
    return [p.relative_to(ROOT).as_posix() for p in found if any(w in p.read_text() for w in words)]


def commands(addition: Addition) -> list[str]:
    """What writes down PyTorch's results for a new row."""
    return [f"python -m tests.make {maker}" for maker in addition.makers.split()]


def written(path: str) -> str:
    """What an addition writes in a file."""
    return next((text for pattern, text in WRITTEN if re.search(pattern, path)), "its name")


# ---- attributes


def definition(value, name: str) -> str:
    """The file that defines an attribute of Tensor: for an op, that of its function; for an in-place form, that of the op."""
    file = _file(value)
    if name.endswith("_") and not name.startswith("_") and "/core/op/" in file:
        plain = inspect.getattr_static(Tensor, name.rstrip("_"), None)
        file = file if plain is None else _file(plain)
    return file


def _file(value):
    value = getattr(value, "fget", None) or getattr(value, "__func__", None) or value
    value = value.op.fn if hasattr(value, "op") else value
    code = getattr(value, "__code__", None)
    if code is None:
        return "jtorch/core/tensor/tensor.py"  # a slot
    inner = _inner(value) if _wraps(code) else None
    return _relative(code) if inner is None else _file(inner)


def _wraps(code):
    return (
        any(part in code.co_filename for part in ("/core/op/", "/core/tensor/subclass.py"))
        or code.co_filename[0] == "<"
    )


def _inner(function):
    """What a wrapper of jtorch wraps: a function, or the function of an op."""
    held = [cell.cell_contents for cell in function.__closure__ or () if cell.cell_contents is not function]
    found = [getattr(h, "fn", h) for h in held if inspect.isfunction(h) or hasattr(h, "fn")]
    return found[0] if found else None


def _relative(code):
    path = Path(code.co_filename)
    return path.relative_to(ROOT).as_posix() if path.is_absolute() else code.co_filename


def attributes() -> dict[str, str]:
    """Each public attribute of Tensor and each operator, and the file that defines it."""
    hidden = {"__annotations__", "__doc__", "__module__", "__slots__", "__dict__", "__weakref__", "__array_priority__"}
    names = [n for n in vars(Tensor) if (n[0] != "_" or n.startswith("__")) and n not in hidden]
    return {name: definition(vars(Tensor)[name], name) for name in sorted(names, key=lambda n: (n.strip("_"), n))}


# ---- the page


def _link(path):
    return f"[`{path.removeprefix('jtorch/')}`](../{path})"


def page() -> str:
    """The text of where.md."""
    table = ["| one more | writes in | and a row in | then runs | as is there already |", "|---|---|---|---|---|"]
    for addition in ADDITIONS:
        error = "the text, whole, where it is raised" if addition.kind == "an error text" else None
        inside = [f"{_link(path)}: {error or written(path)}" for path in places(addition)]
        cells = [addition.kind, "<br>".join(inside), "<br>".join(map(_link, rows(addition)))]
        cells += ["<br>".join(f"`{c}`" for c in commands(addition)), f"`{addition.example}`"]
        table.append("| " + " | ".join(cells) + " |")
    lines = [f"| `{name}` | {_link(path)} |" for name, path in attributes().items()]
    return (
        "\n\n".join(
            [
                "# Where things are",
                "Made by `python -m tests.make where`; do not edit.",
                "## What one addition touches",
                "The files are those whose code names the example in the last column. After any new name: `python -m tests.make"
                " doors`, `stubs` and `where`, which write the lists of public names, the type stubs and this page.",
                "\n".join(table),
                "## Where an attribute of Tensor is defined",
                "An in-place form `name_` belongs to the op of the plain name.",
                "\n".join(["| attribute | file |", "|---|---|", *lines]),
            ]
        )
        + "\n"
    )


def make():
    PAGE.write_text(page())
