"""PyTorch's TypeErrors for arguments that a function does not take, word for word.

The arguments are matched against PyTorch's overloads of a function as its own parser does it. signatures.json has these, and the
checks of its Python functions. This is used only after a call has failed. Does not know ops.
"""

from __future__ import annotations

import builtins
import json
import re
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import NamedTuple

import jax
import numpy as np

from jtorch.core.facts import OF_PYTHON, device, dtype, layout, memory_format
from jtorch.core.op.handlers import MISSING, NUMBER_FOR_TENSOR
from jtorch.core.tensor import Tensor

NUMPY_NAMES = {"dim": ("axis",), "keepdim": ("keepdims",), "input": ("x", "a", "x1"), "other": ("x2",)}
SIZES = ("size", "sizes", "shape", "dims", "repeats")  # *size may also be one tuple
_TYPES = {"Array": "Tensor", "Array | Number": "Tensor", "Number": "Number", "list[Array]": "tuple of Tensors",
          "int": "int", "bool": "bool", "float": "float", "str": "str", "tuple": "tuple of ints"}  # fmt: skip


class OverloadParameter(NamedTuple):
    """A parameter of an overload."""

    type: str
    name: str
    optional: bool
    none: bool
    keyword: bool


def type_error_of(name, args, kwargs, kind, own):
    """The error that PyTorch raises for a call, None if it would take the arguments.

    Args:
        args: of a method, without the tensor it belongs to.
        kind: "functions" for torch's own, "methods", "functional" for those of nn.functional.
        own: the inspect.Signature that jtorch has for the function.
    """
    try:
        return _error_of(_table()[kind].get(name), name, args, kwargs, kind, own)
    except _Unpacked as error:
        return TypeError(str(error))


class _Unpacked(Exception):
    """The overload fits except for a later element of a list of ints: the parser checks the first only."""


def _error_of(known, name, args, kwargs, kind, own):
    if isinstance(known, dict):
        return (
            _error_of_count(known, args, kwargs)
            if "c" in known
            else _error_of_binding(known, args, kwargs, kind == "methods")
        )
    if known is not None and not _describes(known, own):
        return None
    if isinstance(known, list):
        return _error_of_overloads(known, name, args, kwargs)
    if known is None and not _has_overload(own):
        return None
    text = _overload_message(_overload(known, own, kind == "methods"), name, args, kwargs)
    return text and TypeError(text)


@cache
def _table():
    return json.loads((Path(__file__).parent / "signatures.json").read_text())


@cache
def python_signature_of(name, kind) -> frozenset | None:
    """The names of the parameters of a function that PyTorch has written in Python; None for one that it has not."""
    known = _table().get(kind, {}).get(name)
    text = known.get("python") if isinstance(known, dict) else None
    return None if text is None else frozenset(re.findall(r"\w+(?=[,=)])", text))


# ---- C functions with a parser


def _describes(known, own):
    """Whether PyTorch's overloads are those of jtorch's function: torch.batch_norm is not nn.functional's."""
    if any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in own.parameters.values()):
        return True
    needed = [{p.name for p in _parsed(t) if not p.optional} for t in ([known] if isinstance(known, str) else known)]
    return any(names - {"self", "input"} <= own.parameters.keys() for names in needed)


def _has_overload(own):
    return all(p.kind is not p.VAR_POSITIONAL or p.name in SIZES for p in own.parameters.values())


def _overload(known, own, method):
    """The parameters of a function's only overload: those that PyTorch names, then jtorch's others."""
    mine = _of_signature(own, method)
    if not known:
        return mine
    asked = _parsed(known)
    more = [p for p in mine if p.optional and p.name not in {q.name for q in asked}]
    return asked + [p._replace(keyword=True) for p in more]


def _parsed(text):
    """The parameters of "Tensor input, Tensor? weight, *, Number alpha = 1"; one with a question mark may be None."""
    made, keyword = [], False
    for part in re.split(r", (?=[\w*])", text) if text else []:
        if part == "*":
            keyword = True
            continue
        kind, name, default = re.fullmatch(r"(.+?) (\w+)(?: = (.*))?", part).groups()
        none_too = kind.endswith("?") or default == "None" or kind == "torch.Generator"
        made.append(OverloadParameter(kind.removesuffix("?"), name, default is not None, none_too, keyword))
    return made


def _of_signature(own, method):
    made = []
    for p in list(own.parameters.values())[method:]:
        if p.kind is p.VAR_KEYWORD or (method and p.name == "out"):
            continue
        if p.kind is p.VAR_POSITIONAL:
            made.append(OverloadParameter("tuple of ints", p.name, False, False, False))
            continue
        kind = str(p.annotation).strip("'").replace("Tensor", "Array")
        required = kind in ("Array", "list[Array]", "Array | Number")
        kind = _TYPES.get(kind.removesuffix(" | None"), "Tensor" if p.name == "out" else "object")
        made.append(OverloadParameter(kind, p.name, p.default is not p.empty, not required, p.kind is p.KEYWORD_ONLY))
    return made


def _error_of_overloads(texts, name, args, kwargs):
    """The error for a function with several overloads (or with one, and others that its message does not list)."""
    overloads = [_parsed(text) for text in texts]
    messages = [_overload_message(o, name, args, kwargs) for o in overloads]
    if None in messages:
        return None
    count = len(args) + len(kwargs)
    plausible = [
        message
        for o, message in zip(overloads, messages, strict=True)
        if sum(not p.optional for p in o) <= count <= len(o)
    ]
    return TypeError(plausible[0] if len(plausible) == 1 else _combination(name, args, kwargs, texts))


def _overload_message(params, name, args, kwargs):
    """PyTorch's message if the arguments do not fit one overload, else None."""
    positional = [p for p in params if not p.keyword]
    spread = len(positional) == 1 and positional[0].type == "tuple of ints" and args and _is_int(args[0])
    if len(args) > len(positional) and not spread:
        return _too_many(name, positional, args)
    at, used, ints = 0, set(), {}
    for i, p in enumerate(params):
        by_name = at >= len(args)
        if not by_name and p.keyword:
            return _too_many(name, positional, args)
        key = next((k for k in (p.name, *NUMPY_NAMES.get(p.name, ())) if k in kwargs), None)
        value = args[at] if not by_name else kwargs.get(key, MISSING)
        if by_name and key is not None:
            used.add(key)
        if value is MISSING and not p.optional:
            left = [q.name for q in params[i:] if not q.optional]
            return _missing(name, left)
        if spread and not by_name:
            ints[p] = args
            at = len(args)
            continue
        several = p.name == "out" and isinstance(value, tuple | list)  # whoever writes the results looks at them
        if not (value is MISSING or (value is None and p.none) or several or _fits(p.type, value, name, p.name)):
            return _wrong_type(name, p, value, None if by_name else at + 1)
        if p.type == "tuple of ints" and isinstance(value, tuple | list):
            ints[p] = value
        at += not by_name
    message = _unexpected(name, positional, kwargs.keys() - used, kwargs)
    for p, values in ints.items():
        odd = next((n for n, v in enumerate(values) if not _is_int(v)), None)
        if odd is not None and message is None:
            raise _Unpacked(_unpack_message(name, p, odd, values[odd]))
        wide = next((n for n, v in enumerate(values) if _is_int(v) and not -(2**63) <= v < 2**63), None)
        if wide is not None and message is None:
            raise _Unpacked(_wide_message(name, p, wide))
    return message


def _missing(name, left):
    return f"{name}() missing {len(left)} required positional argument{'s' * (len(left) == 1)}: " + ", ".join(
        f'"{n}"' for n in left
    )


def _too_many(name, positional, args):
    least, most = sum(not p.optional for p in positional), len(positional)
    takes = (
        f"{most} positional argument{'s' * (most != 1)}"
        if least == most
        else f"from {least} to {most} positional arguments"
    )
    return f"{name}() takes {takes} but {len(args)} {'was' if len(args) == 1 else 'were'} given"


def _unexpected(name, positional, left, kwargs):
    for key in kwargs:
        if key in left:
            twice = any(p.name == key for p in positional)
            return (
                f"{name}() got {'multiple values for argument' if twice else 'an unexpected keyword argument'} '{key}'"
            )
    return None


def _wrong_type(name, p, value, position):
    place = f" (position {position})" if position else ""
    start = f"{name}(): argument '{p.name}'{place} must be {p.type}, "
    if p.type == "tuple of ints" and isinstance(value, tuple | list) and value:
        return start + f"but found element of type {kind_of(value[0])} at pos 0"
    return start + f"not {kind_of(value)}"


def _unpack_message(name, p, at, bad):
    return (
        f"{name}(): argument '{p.name}' failed to unpack the object at pos {at + 1} with error"
        f' "type must be tuple of ints,but got {kind_of(bad)}"'
    )


def _wide_message(name, p, at):
    return (
        f"{name}(): argument '{p.name}' failed to unpack the object at pos {at + 1} with error"
        ' "Overflow when unpacking long long"'
    )


def _fits(kind, value, name="", parameter="") -> bool:
    """Whether a value may stand for a parameter, as PyTorch's parser sees it."""
    if kind == "Tensor":
        return _is_tensor(value) or (
            name in NUMBER_FOR_TENSOR and isinstance(value, bool | int | float | complex | np.number)
        )
    if kind in ("Number", "float"):
        real = isinstance(value, int | float | np.number) or (_is_tensor(value) and value.ndim == 0)
        return real or (kind == "Number" and isinstance(value, complex))
    if kind == "int":
        return _is_int(value)
    if kind == "tuple of ints":
        if isinstance(value, tuple | list):
            return not value or _is_int(value[0])
        return _is_int(value) and (parameter not in SIZES or name == "roll")
    if kind == "tuple of Tensors":
        return isinstance(value, tuple | list)
    if kind == "torch.dtype" and isinstance(value, type):
        return value in OF_PYTHON
    if kind == "torch.Generator":
        return hasattr(value, "manual_seed")
    return isinstance(value, _CLASSES.get(kind, object))


_CLASSES = {"bool": bool | np.bool_, "str": str, "torch.dtype": dtype, "torch.layout": layout,
            "torch.memory_format": memory_format, "torch.device": device | str | int}  # fmt: skip


def _is_tensor(value):
    return isinstance(value, Tensor | jax.Array)


def _is_int(value):
    if isinstance(value, bool):
        return False
    if isinstance(value, int | np.integer):
        return True
    return isinstance(value, Tensor) and value.ndim == 0 and not value.is_floating_point()


# ---- the message that names the types given and every overload


def _combination(name, args, kwargs, texts):
    given = [_described(a) for a in args] + [f"{k}={_described(v)}" for k, v in kwargs.items()]
    count = len(given)
    plain = f"({', '.join(kind_of(a) for a in args)}"
    named = [f"{k}={kind_of(v)}" for k, v in kwargs.items()]
    plain += ", " * bool(args and named) + ", ".join(named) + ", " * bool(named and not args) + ")"
    start = f"{name}() received an invalid combination of arguments - got "
    if len(texts) == 1:
        wrong = _unknown_keywords(texts[0], kwargs)
        got = _marked(texts[0], args, kwargs) if _same_count(texts[0], count) else plain
        got = f"unrecognized keyword arguments: {', '.join(wrong)}" if wrong else got
        return f"{start}{got}, but expected ({texts[0]})"
    lines = []
    for text in texts:
        lines.append(f" * ({text})\n")
        if not _same_count(text, count):
            continue
        wrong = _unknown_keywords(text, kwargs)
        if wrong:
            lines.append(f"      didn't match because some of the keywords were incorrect: {', '.join(wrong)}\n")
        else:
            marked = _marked(text, args, kwargs)
            lines.append(f"      didn't match because some of the arguments have invalid types: {marked}\n")
    return f"{start}{plain}, but expected one of:\n{''.join(lines)}"


def _same_count(text, count):
    return len(text.split(", ")) == count


def _unknown_keywords(text, kwargs):
    return [k for k in kwargs if not re.search(rf"\b{k}\b", text)]


def _marked(text, args, kwargs):
    """The given types, those in exclamation marks whose name is not that of the parameter's type."""
    kinds = {}
    order = []
    for part in text.split(", "):
        kind, _, name = part.split(" = ")[0].rpartition(" ")
        kinds[name] = kind
        order.append(kind)
    shown = []
    for i, value in enumerate(args):
        shown.append(_mark_mismatch(value, order[i]))
    for key, value in kwargs.items():
        shown.append(_mark_mismatch(value, kinds.get(key), f"{key}="))
    return f"({', '.join(shown)}{', ' * bool(kwargs and not args)})"


def _mark_mismatch(value, kind, key=""):
    said = _described(value)
    same = type(value).__name__ in {"int": ("int",), "float": ("float", "int")}.get(kind, (kind,))
    return f"{key}{said}" if same else f"!{key}{said}!"


def _described(value):
    if not isinstance(value, tuple | list):
        return kind_of(value)
    inner = ", ".join(kind_of(v) for v in value)
    if isinstance(value, list):
        return f"list of [{inner}]"
    return f"tuple of ({inner}{',' if len(value) == 1 else ''})"


def kind_of(value) -> str:
    """The name of a value's class, as PyTorch has it."""
    if isinstance(value, FunctionType) and value.__module__ in ("jtorch", "torch", "jtorch.core.ops.make.create"):
        return "builtin_function_or_method"
    if isinstance(value, dtype | device | layout | memory_format):
        return f"torch.{type(value).__name__}"
    return type(value).__name__


# ---- other functions


def _error_of_count(known, args, kwargs):
    """The error of a C function that counts its arguments only."""
    if kwargs:
        return TypeError(f"{known['c']}() takes no keyword arguments")
    if len(args) == known["takes"]:
        return None
    takes = "exactly one argument" if known["takes"] else "no arguments"
    return TypeError(f"{known['c']}() takes {takes} ({len(args)} given)")


def _error_of_binding(known, args, kwargs, method):
    """The error of a Python function: Python's own where the arguments do not bind, else that of what it calls."""
    if method:
        args = (None, *args)
    try:
        given = _argument_binder(known["python"])(*args, **kwargs)
    except TypeError as error:
        return TypeError(str(error))
    if "tensors" in given:
        return _no_tensor(given["tensors"], known["python"].startswith(("atleast", "meshgrid")))
    for name, exception, text, *unless in known.get("checks", ()):
        value = given.get(name.rstrip("?"))
        takes_none = name[-1] == "?" or exception == "AttributeError"
        other = given.get(unless[0]) if unless else None
        if value is MISSING or not (other is None or other is MISSING) or (value is None and takes_none):
            continue
        said = _wrong_value(text, value)
        if said:
            return getattr(builtins, exception)(said)
    return None


def _no_tensor(values, unpacks):
    """The error for the first of several tensors that is none; some functions take them as one list, too."""
    if unpacks and len(values) == 1 and isinstance(values[0], tuple | list):
        values = values[0]
    at = next((i for i, v in enumerate(values) if not _is_tensor(v)), None)
    return (
        None
        if at is None
        else TypeError(f"expected Tensor as element {at} in argument 0, but got {kind_of(values[at])}")
    )


def _wrong_value(text, value):
    """The message for a value, where the text says that something else is wanted."""
    attribute = re.search(r"has no attribute '(\w+)'", text)
    if attribute:
        return None if hasattr(value, attribute[1]) else text.replace("{}", kind_of(value))
    function, name, position, kind = re.match(
        r"(\w+)\(\): argument '(\w+)'(?: \(position (\d+)\))? must be ([\w. ]+), not", text
    ).groups()
    wanted = OverloadParameter(kind, name, False, False, False)
    if not _fits(kind, value, function, name):
        return _wrong_type(function, wanted, value, position)
    values = value if kind == "tuple of ints" and isinstance(value, tuple | list) else ()
    odd = next((n for n, v in enumerate(values) if not _is_int(v)), None)
    return None if odd is None else _unpack_message(function, wanted, odd, values[odd])


@cache
def _argument_binder(text):
    """A function of this signature that returns its arguments by name, MISSING where one was left out."""
    qualified, _, rest = text.partition("(")
    name = qualified.rpartition(".")[2]
    space = {"left_out": MISSING}
    exec(f"def {name}({rest.replace('=None', '=left_out')}: return locals()", space)
    space[name].__qualname__ = qualified
    return space[name]
