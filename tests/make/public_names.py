"""jtorch/__init__.py and its like: the lists of names in jtorch's public modules.

A function is listed where PyTorch has its name (fixtures/names.json) and jtorch declares it: by `@op`, `@public`,
`@function`, `@functional` or `@public_in`.
"""

import ast
import importlib
import json
import re
import textwrap
from types import ModuleType

import jtorch
from jtorch.core.facts import NAMED, dtypes
from jtorch.core.methods import EITHER, TYPES
from jtorch.core.op import ELSEWHERE, FUNCTIONAL, FUNCTIONS, OPS
from tests import FIXTURES, ROOT

PYTORCH = {module: set(names) for module, names in json.loads((FIXTURES / "names.json").read_text()).items()}


def _dtypes():
    return {*[d.name for d in dtypes.ALL], *dtypes.ALIASES, *NAMED}


def _declared(*registries):
    """Names in registries, without those that tests and examples declare."""
    ours = set()
    for registry in registries:
        for name, made in registry.items():
            home = made.op.fn.__module__ if hasattr(made, "op") else made.__module__
            if home.startswith("jtorch") and made.__module__ not in ELSEWHERE and not name.startswith("_"):
                ours.add(name)
    return ours


def _of_torch():
    return _declared(OPS, FUNCTIONS, FUNCTIONAL) & PYTORCH["torch"] - {*EITHER}


def _of_functional():
    return _declared(OPS, FUNCTIONAL) & PYTORCH["torch.nn.functional"]


def _of_methods():
    """Functions that call a method, and types of tensors."""
    called = {name for name in PYTORCH["torch"] if callable(getattr(jtorch.Tensor, name, None))}
    modules = {name for name in called if isinstance(getattr(jtorch, name, None), ModuleType)}
    return (called - _declared(OPS, FUNCTIONS, FUNCTIONAL) - modules - _dtypes() - {*dir(object)}) | {*EITHER, *TYPES}


def _of(home, file=None):
    """The names of a public module; only those that one of its files declares."""
    names = {*ELSEWHERE[home]} & PYTORCH[home[1:]]
    return names if file is None else {n for n in names if hasattr(importlib.import_module(file), n)}


def _of_special(file):
    path = f"jtorch.core.ops.arithmetic.{file}"
    return ("jtorch/special.py", path), lambda: _of("jtorch.special", path)


def _of_linalg(file):
    path = f"jtorch.core.ops.matrix.{file}"
    return ("jtorch/linalg.py", path), lambda: _of("jtorch.linalg", path)


LISTS = {
    # (file, the module that its list imports from): the names
    ("jtorch/__init__.py", "jtorch.core.facts"): _dtypes,
    ("jtorch/__init__.py", "jtorch.core.ops.functions"): _of_torch,
    ("jtorch/__init__.py", "jtorch.core.methods"): _of_methods,
    ("jtorch/nn/functional.py", "jtorch.core.ops.functional"): _of_functional,
    **dict(_of_linalg(file) for file in ("indefinite", "linalg")),
    ("jtorch/fft.py", "jtorch.core.ops.signal.fft"): lambda: _of("jtorch.fft"),
    **dict(_of_special(file) for file in ("bessel", "polynomials", "special")),
    ("jtorch/special.py", "jtorch.core.ops.functions"): lambda: _of_torch() & PYTORCH["torch.special"],
}


def _statement(text, module):
    """The list: the import of this module that ends with `# fmt: skip`."""
    return re.search(rf"^from {re.escape(module)} import \([^)]*\)  # fmt: skip\n", text, re.M)


def listed(file, module) -> set[str]:
    """The names in a list."""
    found = _statement((ROOT / file).read_text(), module)
    return {alias.name for alias in ast.parse(found[0]).body[0].names}


def write(file, module) -> None:
    """Bring a list up to date."""
    path = ROOT / file
    text = path.read_text()
    names = textwrap.fill(
        ", ".join(sorted(LISTS[file, module]())) + ",", 120, initial_indent="    ", subsequent_indent="    "
    )
    found = _statement(text, module)
    path.write_text(text.replace(found[0], f"from {module} import (\n{names}\n)  # fmt: skip\n"))


def make():
    for file, module in LISTS:
        write(file, module)
