"""jtorch/**/*.pyi: the types of the functions and methods that ops make, for editors and type checkers.

A stub stands beside each module whose functions are made by ops, and beside the file of Tensor, to which other files add
methods. All other code has its types in its own source. The stubs are read off the running package: names, parameters
and defaults from signatures, types from annotations, from PyTorch's own signatures (core/op/refusal/signatures.json) and, for
a few, from the tables below.
"""

from __future__ import annotations

import ast
import builtins
import importlib
import importlib.util
import inspect
import json
import keyword
import re
import sys
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from types import FunctionType, ModuleType

import jtorch
import jtorch.vision
from jtorch.core.facts import CLASSES, dtypes
from jtorch.core.tensor import Tensor
from tests import ROOT

MODULES = {  # module -> the section of signatures.json that has its functions
    "jtorch": "functions",
    "jtorch.nn": "nn",
    "jtorch.nn.functional": "functional",
    "jtorch.linalg": "linalg",
    "jtorch.fft": "fft",
    "jtorch.special": "special",
}
SIGNATURES = json.loads((ROOT / "jtorch/core/op/refusal/signatures.json").read_text())
PARSED = {"Tensor": "Tensor", "int": "int", "bool": "bool", "float": "float", "str": "str", "Number": "Number",
          "tuple of ints": "int | Sequence[int]", "tuple of Tensors": "Sequence[Tensor] | Tensor",
          "tuple of floats": "float | Sequence[float]", "tuple of Scalars": "Sequence[Number]", "Scalar": "Number",
          "torch.dtype": "dtype | type", "torch.device": "device | str | int", "torch.layout": "layout",
          "torch.memory_format": "memory_format", "torch.Generator": "Generator"}  # fmt: skip
WHOLE_CALLS = {"gru", "lstm", "rnn_relu", "rnn_tanh"}  # `*args` stands for the arguments of two forms
ANNOTATED = {"Array": "Tensor", "jax.Array": "Tensor", "Tensor": "Tensor", "Number": "Number", "None": "None",
             "bool": "bool", "int": "int", "float": "float", "str": "str", "tuple": "int | Sequence[int]",
             "list[Array]": "Sequence[Tensor]", "list[Tensor]": "Sequence[Tensor]", "dtype": "dtype | type"}  # fmt: skip
# The type of a parameter by its name, if neither its annotation nor PyTorch's signature has one.
NAMED = {"dtype": "dtype | type | None", "device": "device | str | int | None", "requires_grad": "bool", "out": "Any",
         "generator": "Generator | None", "layout": "layout | None", "pin_memory": "bool", "keepdim": "bool",
         "memory_format": "memory_format | None", "non_blocking": "bool", "copy": "bool", "inplace": "bool",
         "training": "bool", "input": "Tensor", "tensor": "Tensor", "A": "Tensor", "B": "Tensor", "LU": "Tensor"}  # fmt: skip
# Results that are no tensors, of functions without an annotation that says so.
RESULTS = {
    name: result
    for result, names in {
        "bool": """allclose equal is_coalesced is_complex is_conj is_contiguous is_distributed is_floating_point is_inference
            is_neg is_nonzero is_pinned is_same_size is_set_to is_shared is_signed is_storage is_tensor __bool__ __contains__
            _is_view""",
        "int": """data_ptr dim element_size get_device ndimension nelement numel storage_offset __hash__ __index__ __int__
            __len__""",
        "float": "__float__",
        "complex": "__complex__",
        "str": "__format__ __repr__",
        "None": "backward retain_grad __setitem__ __delitem__",
        "Size": "broadcast_shapes",
        "dtype": "result_type",
        "device": "get_default_device",
        "tuple[Tensor, ...]": """broadcast_tensors chunk dsplit geqrf gru hsplit lstm meshgrid rnn_relu rnn_tanh split
            split_with_sizes std_mean
            tensor_split unbind unsafe_chunk unsafe_split unsafe_split_with_sizes var_mean vsplit""",
        "tuple[Tensor, Tensor]": """adaptive_max_pool1d_with_indices adaptive_max_pool2d_with_indices
            adaptive_max_pool3d_with_indices fractional_max_pool2d_with_indices fractional_max_pool3d_with_indices
            lstm_cell max_pool1d_with_indices max_pool2d_with_indices max_pool3d_with_indices""",
        "tuple[Tensor, Tensor | None]": "multi_head_attention_forward",
        "tuple[int, ...]": "dim_order",
        "Iterator[Tensor]": "__iter__",
        "RemovableHandle": "register_hook register_post_accumulate_grad_hook",
        "Any": """__array__ __array_wrap__ __dlpack__ __dlpack_device__ __jax_array__ __reduce_ex__ __torch_function__
            atleast_1d atleast_2d atleast_3d item numpy storage storage_type to_dlpack tolist type
            untyped_storage""",
    }.items()
    for name in names.split()
}
PROPERTIES = {
    name: result
    for result, names in {
        "bool": "is_leaf requires_grad retains_grad",
        "int": "_version itemsize nbytes ndim output_nr",
        "Size": "shape",
        "dtype": "dtype",
        "device": "device",
        "layout": "layout",
        "Tensor": "H T data imag mH mT real",
        "Tensor | None": "grad",
        "None": "name",
    }.items()
    for name in names.split()
}
OPERATORS = {
    f"__{kind}{name}__"
    for name in "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift eq ne lt le gt ge".split()
    for kind in ("", "r", "i")
}
# A result may be a tuple once one of these is true.
FLAGS = {"as_tuple", "return_indices", "return_inverse", "return_counts", "return_complex_pair"}
# What a type checker accepts: an int for a float.
WIDER = {"float": {"Number"}, "int": {"Number", "float"}, "bool": {"Number", "float", "int"}}
# Functions whose result depends on how many arguments there are.
FORMS = {
    ("functions", "where"): [
        "def where(condition: Tensor) -> tuple[Tensor, ...]: ...",
        "def where(condition: Tensor, input: Tensor | Number, other: Tensor | Number, *, out: Any = None) -> Tensor: ...",
    ],
    ("methods", "size"): ["def size(self, dim: None = None) -> Size: ...", "def size(self, dim: int) -> int: ..."],
    ("methods", "stride"): [
        "def stride(self, dim: None = None) -> tuple[int, ...]: ...",
        "def stride(self, dim: int) -> int: ...",
    ],
}
KINDS = inspect.Parameter
HEAD = """# Written by `python -m tests.make stubs`; do not edit.
from __future__ import annotations

import builtins
from collections.abc import Iterator, Sequence
from typing import Any, Literal, overload

"""


# ---- where things are defined


@cache
def definitions() -> dict[str, list[str]]:
    """Top-level name -> the modules whose source defines a class, a function or a constant of that name."""
    found = {}
    for path in sorted((ROOT / "jtorch").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for node in ast.parse(path.read_text()).body:
            named = [node.name] if isinstance(node, ast.ClassDef | ast.FunctionDef) else []
            if isinstance(node, ast.Assign):
                named = [t.id for t in node.targets if isinstance(t, ast.Name)]
            for name in named:
                found.setdefault(name, []).append(module)
    return found


def home(value, name: str) -> str | None:
    """The module whose source defines a value under this name."""
    for module in definitions().get(name, ()):
        held = sys.modules.get(module)
        if held is not None and vars(held).get(name) is value:
            return module
    return None


# ---- types


def annotated(annotation, default=KINDS.empty, result=False) -> str | None:
    """The type that a user sees for an annotation in jtorch's source, or None."""
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", None)
    if annotation is KINDS.empty or text is None:
        return None
    parts = [p.strip() for p in text.split(" | ")] if "[" not in text else [text.removesuffix(" | None")]
    if "[" in text and text.endswith(" | None"):
        parts.append("None")
    if result:
        known = {"Array": "Tensor", "Tensor": "Tensor"} | {
            n: n for n in ("None", "bool", "int", "float", "str", "dtype")
        }
        made = [known.get(p) for p in parts]
        return " | ".join(made) if None not in made and not ("Tensor" in made and len(made) > 1) else "Any"
    made = [ANNOTATED.get(p) for p in parts]
    if None in made:
        return None
    return _joined(made, default)


def _joined(types, default):
    """A union, with None where that is the default."""
    parts = dict.fromkeys(p for t in types for p in t.split(" | "))
    if default is None or default.__class__ in (bool, int, float, str):
        parts["None" if default is None else type(default).__name__] = None
    if "Any" in parts:
        return "Any"
    parts = {p: None for p in parts if not WIDER.get(p, set()) & parts.keys()}
    return " | ".join(parts)


def overloads(section: str, name: str) -> list[list[tuple[str, str, bool]]]:
    """PyTorch's overloads as its errors list them: [(type, parameter, whether it is positional), ...] each."""
    found = SIGNATURES.get(section, {}).get(name)
    made = []
    for text in [found] if isinstance(found, str) else found if isinstance(found, list) else []:
        positional, _, named = text.partition("*")
        parts = [(p, True) for p in positional.split(", ")] + [(p, False) for p in named.split(", ")]
        pairs = [(re.match(r"(.+?) (\w+)(?: = .*)?$", part), place) for part, place in parts]
        made.append([(p[1], p[2], place) for p, place in pairs if p])
    return made


def _parsed(lists, at, name):
    """The type that PyTorch's overloads accept for this parameter, by its position or its name."""
    found = []
    for parameters in lists:
        found += [t for t, n, _ in parameters if n == name]
        if at is not None and at < len(parameters) and parameters[at][2]:
            found.append(parameters[at][0])
    made = [PARSED.get(t.removesuffix("?"), "Any") for t in dict.fromkeys(found)]
    made += ["None"] if any(t.endswith("?") for t in found) else []
    if "Tensor" in made and name == "other":
        made.append("Number")
    return made


def parameter_type(parameter, at, lists) -> str:
    """The type of a parameter: from its annotation, from PyTorch's signature, or from its name."""
    name, default = parameter.name, parameter.default
    found = annotated(parameter.annotation, default)
    parsed = _parsed(lists, at, name)
    if found is not None:
        return _joined([found, *parsed], default)
    if parsed:
        return _joined(parsed, default)
    if name in NAMED:
        return _joined([NAMED[name]], default)
    if name == "dim" and default.__class__ is int:
        return "int | Sequence[int]"
    return default.__class__.__name__ if default.__class__ in (bool, float, str) else "Any"


# ---- functions


class Writer:
    """Writes the declarations of one stub. `hidden` are the names that it may not use as types."""

    def __init__(self, hidden=()):
        self.hidden = set(hidden)  # names of types that mean something else in this scope

    def type(self, text: str) -> str:
        """A type's name that is valid in this scope: `builtins.float` inside a class with a method `float`."""

        def known(match):
            name = match[0]
            if name not in self.hidden:
                return name
            return f"builtins.{name}" if hasattr(builtins, name) else f"_{name}"

        return re.sub(r"(?<![\w.])[A-Za-z_]+\b", known, text)

    def function(self, name, function, section, method=False) -> list[str]:
        """The lines that declare a function or a method: one, or one for each overload."""
        if (section, name) in FORMS:
            return [line for form in FORMS[section, name] for line in ("@overload", self.type(form))]
        signature = _signature(name, function, method)
        lists = overloads(section, name)
        parameters = list(signature.parameters.values())
        if method:
            parameters = [KINDS("self", KINDS.POSITIONAL_ONLY), *parameters[1:]]
        result = self.result(name, function, section, signature)
        flags = [p.name for p in parameters if p.name in FLAGS]
        if flags and result == "Tensor":
            typed = dict.fromkeys(flags, "Literal[False]")
            return self._overloaded(name, lists, method, [(parameters, typed, result), (parameters, {}, "Any")])
        reduced = [p for p in parameters if p.name in ("self", "input", "out")]
        with_dim = [any(n == "dim" for _, n, _ in o) for o in lists]
        if result.startswith("return_types.") and any(with_dim) and not all(with_dim):
            both = [p.replace(default=KINDS.empty) if p.name == "dim" else p for p in parameters if p.name != "other"]
            others = [p for p in parameters if p.name in ("self", "input", "other")]
            others = [p.replace(kind=KINDS.POSITIONAL_OR_KEYWORD, default=KINDS.empty) for p in others]
            forms = [(reduced, {}, "Tensor"), (_ordered(both), {"dim": "int"}, result)]
            if any(p.name == "other" for p in parameters):
                forms.append((others, {"other": "Tensor"}, "Tensor"))
            return self._overloaded(name, lists, method, forms)
        many = next((p for p in parameters if p.kind is KINDS.VAR_POSITIONAL), None)
        if many is not None and any((t, n) == ("tuple of ints", many.name) for o in lists for t, n, _ in o):
            one = [p.replace(kind=KINDS.POSITIONAL_OR_KEYWORD) if p is many else p for p in parameters]
            entry = parameter_type(many, parameters.index(many) - method, lists).replace("int | Sequence[int]", "int")
            forms = [(parameters, {many.name: entry}, result), (one, {many.name: "Sequence[int]"}, result)]
            return self._overloaded(name, lists, method, forms)
        return [self._line(name, parameters, lists, method, {}, result)]

    def _overloaded(self, name, lists, method, forms):
        return [
            line
            for parameters, typed, result in forms
            for line in ("@overload", self._line(name, parameters, lists, method, typed, result))
        ]

    def _line(self, name, parameters, lists, method, typed, result):
        parts, bare = [], False
        for at, p in enumerate(parameters):
            kind = p.kind
            if kind is KINDS.KEYWORD_ONLY and not bare:
                bare = True
                parts.append("*")
            if method and at == 0:
                parts.append("self")
                continue
            positional = kind in (KINDS.POSITIONAL_ONLY, KINDS.POSITIONAL_OR_KEYWORD, KINDS.VAR_POSITIONAL)
            if name in WHOLE_CALLS and kind is KINDS.VAR_POSITIONAL:
                positional = False
            type = typed.get(p.name) or parameter_type(p, at - method if positional else None, lists)
            star = {KINDS.VAR_POSITIONAL: "*", KINDS.VAR_KEYWORD: "**"}.get(kind, "")
            bare = bare or star == "*"
            default = "" if p.default is KINDS.empty or star else f" = {_default(p.default)}"
            parts.append(f"{star}{p.name}: {self.type(type)}{default}")
        return f"def {name}({', '.join(parts)}) -> {self.type(result)}: ..."

    def result(self, name, function, section, signature) -> str:
        """The type of the result."""
        if name in RESULTS:
            return RESULTS[name]
        if name.endswith("_") and not name.startswith("__"):
            return "Tensor"
        found = annotated(signature.return_annotation, result=True)
        classes = (f"linalg_{name}" if section == "linalg" else name), name
        named = next((c for c in classes[: 1 if section == "linalg" else 2] if c in CLASSES), None)
        if named and found in (None, "Tensor", "Any"):
            return f"return_types.{named}"
        return found or "Tensor"


def _ordered(parameters):
    """The parameters with those that have no default first, within what is positional."""
    needed = [p for p in parameters if p.default is KINDS.empty and p.kind is not KINDS.KEYWORD_ONLY]
    return needed + [p for p in parameters if p not in needed]


def _signature(name, function, method):
    """The signature. An in-place form without one has that of the plain form."""
    made = inspect.signature(function)
    kinds = [p.kind for p in made.parameters.values()]
    if name.endswith("_") and KINDS.VAR_KEYWORD in kinds:
        plain = getattr(Tensor if method else jtorch, name[:-1], None)
        if plain is not None:
            of = inspect.signature(plain)
            made = of.replace(parameters=[p for p in of.parameters.values() if p.name != "out"])
    return made


def _default(value) -> str:
    if value is None or value.__class__ in (bool, int, str) or (value.__class__ is float and abs(value) < 1e300):
        return repr(value)
    return "..."


# ---- stubs

UNLISTED = {"jtorch": ["flax"]}  # modules that `dir` does not show


def public(module: ModuleType):
    """(name, value) of what users see of a module, in alphabetical order."""
    names = getattr(module, "__all__", None) or [n for n in dir(module) if n[0] != "_" and not _is_stray(module, n)]
    names = [*names, *UNLISTED.get(module.__name__, ())]
    hidden = {"annotations", "Array", "Number"}
    return [(n, getattr(module, n)) for n in sorted({*names}) if n not in hidden and not keyword.iskeyword(n)]


def _is_stray(module, name):
    """Whether a module is an attribute of its package only because it was imported: the package does not name it."""
    loaded = vars(module).get(name)
    return (
        isinstance(loaded, ModuleType)
        and loaded.__name__ == f"{module.__name__}.{name}"
        and name not in re.findall(r"\w+", inspect.getsource(module))
    )


def _is_untyped(value, where):
    """Whether a function's own source does not say what it returns."""
    return (
        isinstance(value, FunctionType) and where.startswith("jtorch.core.") and not value.__annotations__.get("return")
    )


def module_stub(path: str) -> str:
    """The stub of a module of functions."""
    module, section = importlib.import_module(path), MODULES[path]
    lines, imports = [], set()
    writer = Writer(["Number", *(n for n, _ in public(module) if hasattr(builtins, n))])
    for name, value in public(module):
        where = home(value, name)
        if isinstance(value, ModuleType):
            parent, _, last = value.__name__.rpartition(".")
            if parent.startswith("jtorch") and not parent.startswith("jtorch.core"):
                imports.add(f"from {parent} import {last} as {name}")
            elif path == "jtorch" and importlib.util.find_spec(f"jtorch.{name}") is None:
                lines.append(f"{name}: Any")
            elif path == "jtorch":
                imports.add(f"from jtorch import {name} as {name}")
        elif isinstance(value, dtypes.dtype):
            lines.append(f"{name}: dtype")
        elif value is Tensor:
            imports.add("from jtorch.core.tensor.tensor import Tensor as Tensor")
        elif where is not None and where != path and not _is_untyped(value, where):
            imports.add(f"from {where} import {name} as {name}")
        elif isinstance(value, FunctionType):
            lines += writer.function(name, value, section)
        elif where is not None and where != path:
            imports.add(f"from {where} import {name} as {name}")
        elif name in dtypes.TENSOR_TYPES:
            lines.append(f"class {name}(Tensor): ...")
        else:
            lines.append(f"{name}: {type(value).__name__ if type(value) in (float, int, str) else 'Any'}")
    lines = [writer.type(line) if re.match(r"\w+: (float|int)$", line) else line for line in lines]
    return _page(lines, imports, path)


NEEDED = {
    "Tensor": "from jtorch.core.tensor.tensor import Tensor",
    "dtype": "from jtorch.core.facts.dtypes import dtype",
    "device": "from jtorch.core.facts.devices import device",
    "layout": "from jtorch.core.facts.formats import layout",
    "memory_format": "from jtorch.core.facts.formats import memory_format",
    "Size": "from jtorch.core.facts.strides import Size",
    "RemovableHandle": "from jtorch.core.facts.hooks import RemovableHandle",
    "return_types": "from jtorch import return_types",
    "Generator": "from jtorch import Generator",
}


def _page(lines, imports, path):
    body = "\n".join(lines)
    for name, text in NEEDED.items():
        known = any(i.endswith(f" as {name}") for i in imports) or f"class {name}:" in body
        if re.search(rf"\b{name}\b", body) and not known:
            imports.add(text)
    number = "\n_Number = builtins.int | builtins.float | builtins.complex\n" if "_Number" in body else ""
    return HEAD + "\n".join(sorted(imports)) + "\n" + number + "\n" + body + "\n"


def tensor_stub() -> str:
    """The stub of the file of Tensor: the class with the attributes that other files add to it, and the rest of the file."""
    module = importlib.import_module("jtorch.core.tensor.tensor")
    attributes = {n: inspect.getattr_static(Tensor, n) for n in sorted(dir(Tensor)) if _is_attribute(n)}
    writer = Writer(["Number", *(n for n in attributes if n in NEEDED or hasattr(builtins, n))])
    lines = []
    for name, value in attributes.items():
        if isinstance(value, property):
            lines += _property(name, writer.type(PROPERTIES.get(name) or _kind_of(name)), value.fset)
        elif name in OPERATORS:
            check = "  # type: ignore[override]" if name in ("__eq__", "__ne__") else ""
            lines.append(f"def {name}(self, other: Any) -> Tensor: ...{check}")
        elif name.startswith("__") and isinstance(value, classmethod | staticmethod):
            continue
        elif isinstance(value, classmethod | staticmethod):
            lines += [f"@{type(value).__name__}", f"def {name}(*args: Any, **kwargs: Any) -> Any: ..."]
        elif name == "__new__":
            lines.append("def __new__(cls, *args: Any, device: Any = None) -> Tensor: ...")
        elif isinstance(value, FunctionType):
            lines += writer.function(name, value, "methods", method=True)
        else:
            lines.append(f"{name}: Any")
    body = [f"_{n} = {n}" for n in NEEDED if n in attributes]
    body += ["", "class Tensor:", *["    " + line for line in lines], ""]
    # The file's other public names.
    own = [n for n, v in vars(module).items() if home(v, n) == module.__name__ and v is not Tensor and n[0] != "_"]
    body += [f"def {n}(*args: Any, **kwargs: Any) -> Any: ..." for n in sorted(own)]
    body.append("def __getattr__(name: str) -> Any: ...")
    return _page(body, {NEEDED[n] for n in NEEDED if n in attributes}, "jtorch.core.tensor.tensor")


def _is_attribute(name):
    known = (
        not name.startswith("_") or name.startswith("__") or name in ("_base", "_is_view", "_make_subclass", "_version")
    )
    return (
        known
        and name in vars(Tensor)
        and name not in ("__annotations__", "__doc__", "__module__", "__slots__", "__dict__", "__weakref__")
    )


def _kind_of(name):
    return "bool" if name.startswith("is_") else "Any"


def _property(name, type, settable):
    lines = ["@property", f"def {name}(self) -> {type}: ..."]
    return lines + ([f"@{name}.setter", f"def {name}(self, value: Any) -> None: ..."] if settable else [])


def results_stub() -> str:
    """The stub of torch.return_types."""
    lines = ["from typing import NamedTuple"]
    for name, cls in sorted(CLASSES.items()):
        lines += ["", f"class {name}(NamedTuple):", *[f"    {field}: Tensor" for field in cls.__match_args__]]
    return _page([*lines, "", "all_return_types: list[type]"], set(), "jtorch.return_types")


def makers() -> dict[Path, Callable[[], str]]:
    """Every stub: its path, and what writes its text."""
    made = {}
    for name in MODULES:
        file = ROOT / Path(*name.split("."))
        made[file / "__init__.pyi" if file.is_dir() else file.with_suffix(".pyi")] = partial(module_stub, name)
    made[ROOT / "jtorch/core/tensor/tensor.pyi"] = tensor_stub
    made[ROOT / "jtorch/return_types.pyi"] = results_stub
    return made


def make():
    for path, text in makers().items():
        path.write_text(text())
