"""docs/where.md: the files that an addition touches, and the file in which each attribute of Tensor is defined.

The files are found by search: each kind of addition has an example that exists already, and the table lists the files of
jtorch whose code names it.
"""

from __future__ import annotations

import ast
import inspect
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from jtorch.core.ops.arithmetic import operators
from jtorch.core.tensor import Tensor
from tests import ROOT

PAGE = ROOT / "docs/where.md"


class Addition(NamedTuple):
    """A kind of addition: an example, the tests of it, their tables that have a row for it, and the makers of what they compare with."""

    kind: str
    example: str  # names that the code of every place has; for an error, PyTorch's text
    tests: str  # files in tests/
    rows: str = ""
    makers: str = ""
    also: dict = {}  # files that do not name the example -> what is written there
    used_elsewhere: bool = False  # other code uses the example, so only its definition and the lists of names count


ADDITIONS = [
    Addition("an op", "heaviside", "ops/test_ops.py", "samples*.py", "ops"),
    Addition("a view op", "unsqueeze", "ops/test_ops.py", "samples*.py", "ops", used_elsewhere=True),
    Addition("a random op", "log_normal_ log_normal", "streams/test_streams.py", "stream_cases.py", "streams"),
    Addition(
        "a loss", "soft_margin_loss SoftMarginLoss", "ops/test_ops.py nn/test_layers.py", "samples_nn.py layers_cases.txt",
        "ops layers",
    ),
    Addition("a layer", "ChannelShuffle", "nn/test_layers.py", "layers_cases.txt", "layers"),
    Addition("a whole program in the tests", "Adversaries", "programs/test_models.py", "models.py", "models"),
    Addition(
        "an optimizer", "Rprop", "optim/test_optim.py layout/test_additions.py", "optimizers.py wrong_settings.py",
        "optim wrong_settings",
    ),
    Addition("a scheduler", "PolynomialLR", "optim/test_schedulers.py layout/test_additions.py", "schedules.py", "schedules"),
    Addition(
        "a distribution", "Laplace", "public/test_distributions.py layout/test_additions.py", "distribution_cases.py",
        "distributions",
    ),
    Addition("a vision model", "alexnet AlexNet", "vision/test_models.py", "model_cases.py", "vision_models published", {
        "jtorch/vision/models/published.json": "nothing by hand; the maker writes its published weights",
    }),
    Addition("a dtype", "float8_e5m2", "tensor/test_printing.py layout/test_rows.py", "make/printing.py", "printing", {
        "jtorch/serialization/global_names.py": "its name leaves the list of dtypes that jtorch does not have, if it is there",
    }),
    Addition("a kind of device", "tpu", "layout/test_rows.py"),
    Addition("a repr rule of tensors", "edgeitems", "tensor/test_printing.py", "make/printing.py", "printing", {
        "jtorch/core/tensor/repr.py": "a fact that the rule needs",
        "jtorch/nn/parameter.py": "what differs for parameters",
    }),
    Addition(
        "a TypeError for arguments", "logical_and(): argument 'other' (position 1) must be Tensor, not str",
        "tables/test_refused.py", "bad_calls.txt", "signatures bad_calls",
        {"jtorch/core/op/refusal/signatures.json": "nothing by hand; the maker writes it"},
    ),
    Addition("any other error of an op", "Repeats must be non-negative", "tables/test_refused.py", "bad_calls.txt", "bad_calls", {
        "jtorch/core/op/argument_checks.py": "a check that several ops share, if there is none for it",
    }),
]  # fmt: skip
# What is written in a file, by its path.
WRITTEN = [
    (r"core/facts/dtypes\.py", "a row of the table of dtypes"),
    (r"core/facts/devices\.py", "a row of the table of kinds"),
    (r"core/streams/", "the draw on the host, in PyTorch's order"),
    (r"core/ops/make/random", "the draw of JAX's stream"),
    (r"core/tensor/printing\.py", "the rule"),
    (r"^jtorch/(__init__|nn/functional|special|linalg|fft)\.py", "its name in the list, by `tests.make public_names`"),
    (r"vision/models/__init__\.py", "an import of its file"),
    (r"vision/models/", "the class, its weights, and the function that builds it"),
    (r"/__init__\.py", "its name in the list"),
    (r"nn/", "the class"),
    (r"optim/lr_scheduler/", "the class"),
    (r"optim/", "the class: PyTorch's defaults and an optax chain"),
    (r"distributions/kl", "its divergences, where there are formulas"),
    (r"distributions/", "the class"),
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
    names = [addition.example] if is_text(addition) else addition.example.split()
    # A file of a distribution may have the name of a random op.
    pattern = "|".join(rf"(?<!\bdistributions\.)\b{re.escape(name)}(?!\w)" for name in names)
    named = [path for path in sorted((ROOT / "jtorch").rglob("*.py")) if re.search(pattern, path.read_text())]
    named = [path.relative_to(ROOT).as_posix() for path in named if re.search(pattern, code_of(path))]
    if addition.used_elsewhere:
        # A helper of a model may have the op's name: only what is declared counts.
        named = [path for path in named if path in LISTS or any(f.decorator_list for f in functions(path, addition))]
    return named


LISTS = {"jtorch/__init__.py", "jtorch/nn/functional.py"}  # lists of public names


def is_text(addition: Addition) -> bool:
    """Whether the example is the text of an error."""
    return "rror" in addition.kind


def rows(addition: Addition) -> list[str]:
    """The tables of the tests that have a row for the example."""
    found = [path for pattern in addition.rows.split() for path in sorted((ROOT / "tests").glob(f"**/{pattern}"))]
    words = [addition.example] if is_text(addition) else addition.example.split()
    # A table of calls does not hold the texts of errors; PyTorch's results beside it do.
    texts = {path: (path.with_suffix(".json") if is_text(addition) else path).read_text() for path in found}
    return [path.relative_to(ROOT).as_posix() for path in found if any(w in texts[path] for w in words)]


def tested_by(addition: Addition) -> list[str]:
    """The files of the tests that fail if an addition is wrong or incomplete."""
    return [f"tests/{name}" for name in addition.tests.split()]


def commands(addition: Addition) -> list[str]:
    """The commands that write PyTorch's results for a new row."""
    return [f"python -m tests.make {maker}" for maker in addition.makers.split()]


def functions(path: str, addition: Addition) -> list:
    """The functions of a file that define the example: of its name, or with an underscore before it."""
    names = {name.rstrip("_") for name in addition.example.split()}
    made = ast.parse((ROOT / path).read_text()).body
    return [node for node in made if isinstance(node, ast.FunctionDef) and node.name.strip("_") in names]


def written(path: str, addition: Addition) -> str:
    """What one writes in a file for an addition."""
    if path in addition.also:
        return addition.also[path]
    if is_text(addition):
        return "the text, whole, where it is raised"
    by_path = next((text for pattern, text in WRITTEN if re.search(pattern, path)), None)
    return by_path or ", and ".join([_declared(node) for node in functions(path, addition)]) or "its name"


def _declared(function):
    """What a function of an op's file is, by its decorator."""
    if not function.decorator_list:
        is_method = function.args.args[:1] and function.args.args[0].arg == "self"
        return "the method, and its name in the loop at the end" if is_method else "the function"
    decorator = function.decorator_list[0]
    called = isinstance(decorator, ast.Call)
    name = (decorator.func if called else decorator).id
    if name != "op":
        return f"the public function under `@{name}`, which checks the arguments"
    view = [f"{k.arg}=..." for k in decorator.keywords if k.arg in ("view", "write")] if called else []
    shown = f"@op({', '.join(view)})" if view else "@op"
    hidden = f" `{function.name}`" if function.name.startswith("_") else ""
    return f"a pure function{hidden} on arrays, under `{shown}`"


# ---- attributes

OPERATORS = {f"__{form}{name}__" for name in (*operators.BINARY, *operators.UNARY, "matmul") for form in ("", "r", "i")}


def definition(value, name: str) -> str:
    """The file that defines an attribute of Tensor: for an op, that of its function; for an in-place form, that of the op; for
    an operator, that of the table of operators."""
    if name in OPERATORS:
        return _relative(operators.__file__)
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
    return _relative(code.co_filename) if inner is None else _file(inner)


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


def _relative(file):
    path = Path(file)
    return path.relative_to(ROOT).as_posix() if path.is_absolute() else file


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
    table = ["| to add | write in | add a row to | then run | test | example |", "|---|---|---|---|---|---|"]
    for addition in ADDITIONS:
        inside = [f"{_link(path)}: {written(path, addition)}" for path in (*places(addition), *addition.also)]
        cells = [addition.kind, "<br>".join(inside), "<br>".join(map(_link, rows(addition)))]
        cells += ["<br>".join(f"`{c}`" for c in commands(addition)), "<br>".join(map(_link, tested_by(addition)))]
        cells.append(f"`{addition.example}`")
        table.append("| " + " | ".join(cells) + " |")
    lines = [f"| `{name}` | {_link(path)} |" for name, path in attributes().items()]
    return (
        "\n\n".join(
            [
                "# Where things are",
                "Made by `python -m tests.make where`; do not edit.",
                "## What one addition touches",
                "The last column has an example that exists; the files to write in are those whose code names it. After any new name, run"
                " `python -m tests.make` three times, with `public_names` (the lists of public names, which have PyTorch's names only),"
                " `stubs` (the type stubs) and `where` (this page). A new file of ops"
                " is imported in `core/ops/functions.py` or `core/ops/functional.py`.",
                "\n".join(table),
                "## Where an attribute of Tensor is defined",
                "An in-place form `name_` belongs to the op of the plain name. The table of operators in `operators.py` names the op"
                " of each.",
                "\n".join(["| attribute | file |", "|---|---|", *lines]),
            ]
        )
        + "\n"
    )


def make():
    PAGE.write_text(page())
