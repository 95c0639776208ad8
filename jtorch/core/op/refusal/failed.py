"""Handles a failed call: raises PyTorch's TypeError if PyTorch does not accept the arguments, calls another form if PyTorch
accepts that, or else raises the error itself.

Nothing here runs when a call succeeds, except `first_seen`, once for each new combination of an op's constants. The functions
are registered with `jtorch.core.op.handlers` at the end of the file.
"""

from __future__ import annotations

import dis
import inspect
import sys

import jax
import numpy as np

from jtorch.core.facts import OF_PYTHON, flatten_tree, memory_error, unflatten_tree
from jtorch.core.op.handlers import MISSING, handlers
from jtorch.core.op.refusal.old_forms import is_old_form, modern
from jtorch.core.op.refusal.type_errors import NUMPY_NAMES, python_signature_of, type_error_of
from jtorch.core.tensor import check_undifferentiated, wanted

_TORCH_NAMES = {other: name for name, others in NUMPY_NAMES.items() for other in others}  # "axis": "dim", ...
_NUMBERS = np.number  # not np.bool, which PyTorch takes for no integer


def failed(function, given, extra, named, fits):
    """A call of an op that does not fit its parameters (`fits` is False) or has raised: see `Handlers.failed`."""
    op, (name, kind) = function.op, function.called_as
    by_name = keywords_of_call(sys._getframe(2))
    args, keywords = _as_written(op, given, extra, named, by_name)
    operands = args[kind == "methods" :]
    if (numbers := _with_numbers(name, args, keywords, kind, function.__signature__)) is not None:
        return function(*numbers[0], **numbers[1])
    if not fits:
        if op.deprecated and name.removesuffix("_") == op.name and is_old_form(op.deprecated, args):
            return modern(op.deprecated, function, name, args, keywords, kind == "methods")
        try:
            meant = None if extra else by_torch_names(named, given, name, kind)
            if meant is not None and not any(_is_given(op, n, given) for n in meant):
                return function(**{n: v for n, v in given.items() if v is not MISSING} | meant)
            raise TypeError(f"{name}() got arguments that it cannot take")
        except Exception:
            refuse(name, operands, keywords, kind, function.__signature__)
            raise
    if isinstance(given.get("dtype"), type) and given["dtype"] in OF_PYTHON:
        return function(*args, **keywords | {"dtype": OF_PYTHON[given["dtype"]]})
    if not op.hidden and (by_name is not None or not _fits_by_name(function, given)):
        refuse(name, operands, keywords, kind, function.__signature__)
    if given.get("out") is not None:  # PyTorch checks this before the op checks its operands
        check_undifferentiated(op.name, given["out"], given.values())
    _raise_handled()


def plain_failed(function, args, kwargs):
    """A call of a plain function, given by its `with_torch_errors` form: see `Handlers.plain_failed`."""
    if handlers.overridden((*args, *kwargs.values())):
        return handlers.hand_over_plain(function, args, kwargs, sys._getframe(2))
    (name, kind), signature = function.called_as, function.__signature__
    meant = by_torch_names(kwargs, signature.parameters, name, kind)
    if meant is not None:
        return function(*args, **meant)
    other = _other_form(signature, args, kwargs)
    if other is not None:
        return function.plain(*other[0], **other[1])
    if (numbers := _with_numbers(name, args, kwargs, kind, signature)) is not None:
        return function(*numbers[0], **numbers[1])
    refuse(name, args[kind == "methods" :], kwargs, kind, signature)
    if isinstance(sys.exception(), MemoryError) and not hasattr(sys.exception(), "shape"):
        raise  # Python's own, such as for a list, which PyTorch lets through
    _raise_handled()


def _raise_handled():
    """Raise the error that is being handled; one about memory becomes PyTorch's."""
    error = memory_error(sys.exception())
    if error is not None:
        raise error from None
    raise


def refuse(name, args, kwargs, kind, own) -> None:
    """Raise PyTorch's error if PyTorch does not accept the arguments; return if the call failed for another reason."""
    if wanted((*args, *kwargs.values())):
        return  # the call was handed over: the error comes from the override
    error = type_error_of(name, args, kwargs, kind, own)
    if error is not None:
        raise error from None


def first_seen(function, given) -> None:
    """Raise PyTorch's error for constants that it would not take, when an op is called with them for the first time."""
    op, (name, kind) = function.op, function.called_as
    if op.hidden:
        return
    args, keywords = _as_written(op, given, (), {}, ())
    first, signature = kind == "methods", function.__signature__
    if isinstance(given.get("dtype"), type) or not type_error_of(name, args[first:], keywords, kind, signature):
        return
    by_name = keywords_of_call(sys._getframe(2))
    if by_name is not None:  # else what looks like one argument too many may have been given by name
        args, keywords = _as_written(op, given, (), {}, by_name)
        refuse(name, args[first:], keywords, kind, signature)


def by_torch_names(keywords, parameters, name, kind):
    """The keywords with PyTorch's names where NumPy's were given, None if there are none such that the function takes.

    PyTorch's parser takes them for every function that it has not written in Python.
    """
    if not keywords or python_signature_of(name, kind) is not None:
        return None
    meant = {k if k in parameters else _TORCH_NAMES.get(k, k): v for k, v in keywords.items()}
    return meant if len(meant) == len(keywords) and meant.keys() != keywords.keys() else None


def _is_given(op, name, given):
    """Whether a call names the parameter itself."""
    value = given.get(name, MISSING)
    return value is not MISSING and all(value is not p.default for n, _, p in op.params if n == name)


def _fits_by_name(function, given):
    """Whether PyTorch takes the arguments if all but the first were given by name."""
    op, (name, kind) = function.op, function.called_as
    args, keywords = _as_written(op, given, (), {}, [n for n, _, _ in op.params[1:]])
    return type_error_of(name, args[kind == "methods" :], keywords, kind, function.__signature__) is None


def _as_written(op, given, extra, named, by_name):
    """(positional arguments, keywords) of a call. `by_name` names the keywords; where it is None, this is a guess."""
    args, keywords, in_order = [], {}, True
    for name, _, p in op.params:
        value = given[name]
        if value is MISSING or (value is p.default and not (extra and p.kind is not p.KEYWORD_ONLY)):
            in_order = False
        elif by_name is not None and name in by_name:
            keywords[name] = value
        elif in_order and p.kind is not p.KEYWORD_ONLY:
            args.append(value)
        else:
            keywords[name] = value
    if given.get("out") is not None:
        keywords["out"] = given["out"]
    return [*args, *extra], keywords | named


def keywords_of_call(frame):
    """The names of the keyword arguments in the call that a frame is at, None if that cannot be told."""
    written = arguments_of_call(frame)
    return None if written is None else written[1]


def arguments_of_call(frame):
    """(number of positional arguments, names of the others) of the call that a frame is at, None if that cannot be told.

    The tensor that a method belongs to is not counted.

    PyTorch's errors tell `f(x, dim=0)` from `f(x, 0)`: "argument 'dim' (position 2)". A Python function cannot, since both
    bind the same parameter. With positional-only parameters it could: keywords then arrive in a dictionary. But every call
    with a keyword would pay for binding that dictionary, so the bytecode of the caller is read instead, once a call has
    failed.
    """
    if frame.f_code.co_name == "_incomplete":  # the first call of an op: see jtorch.core.op.wrapper
        frame = frame.f_back
    done = [i for i in dis.get_instructions(frame.f_code) if i.offset <= frame.f_lasti and i.opname != "PRECALL"]
    before, call = done[-2:] if len(done) > 1 else (None, done[0])
    if call.opname in ("BINARY_OP", "COMPARE_OP"):
        return 1, ()
    if call.opname not in ("CALL", "CALL_KW"):
        return None
    named = before.opname == "KW_NAMES" or call.opname == "CALL_KW"
    names = frame.f_code.co_consts[before.arg] if named else ()
    return call.arg - len(names), names


def _with_numbers(name, args, kwargs, kind, signature):
    """(args, kwargs) with Python's numbers for NumPy's and for arrays of JAX without dimensions.

    None if there are none, or if PyTorch does not take numbers there.
    """
    leaves, shape = flatten_tree((tuple(args), kwargs))
    if not any(isinstance(leaf, _NUMBERS) or _is_number_of_jax(leaf) for leaf in leaves):
        return None
    numbers = [leaf.item() if isinstance(leaf, _NUMBERS) or _is_number_of_jax(leaf) else leaf for leaf in leaves]
    args, kwargs = unflatten_tree(numbers, shape)
    return None if type_error_of(name, args[kind == "methods" :], kwargs, kind, signature) else (args, kwargs)


def _is_number_of_jax(value):
    return isinstance(value, jax.Array) and not isinstance(value, jax.core.Tracer) and value.ndim == 0


def _other_form(signature, args, kwargs):
    """(args, kwargs) in the form that jtorch's functions take, where PyTorch takes another form, too; else None.

    `dtype=float` means float64, and a size that may be given as several numbers may be given by name.
    """
    many = next((p.name for p in signature.parameters.values() if p.kind is inspect.Parameter.VAR_POSITIONAL), None)
    sizes = kwargs.get(many)
    kind = kwargs.get("dtype")
    if sizes is None and not (isinstance(kind, type) and kind in OF_PYTHON):
        return None
    if sizes is not None:
        kwargs = {k: v for k, v in kwargs.items() if k != many}
        args = (*args, sizes)
    if isinstance(kind, type):
        kwargs = kwargs | {"dtype": OF_PYTHON.get(kind, kind)}
    return args, kwargs


handlers.failed = failed
handlers.plain_failed = plain_failed
handlers.refuse = refuse
handlers.first_seen = first_seen
