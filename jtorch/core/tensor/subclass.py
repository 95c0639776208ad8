"""`__torch_function__`: classes and modes that override PyTorch's functions, and the results that subclasses return.

An op checks only whether the classes of its arguments are in `PLAIN`, which override nothing. All other arguments come here: a
subclass of Tensor, a class of the user's, any tensor while a mode is on. Methods that are not ops are wrapped in each subclass
when the subclass is made, so a plain Tensor pays nothing for this.
"""

from __future__ import annotations

import functools
import threading
from types import FunctionType

from jtorch.core.tensor.tensor import OVERRIDERS, PLAIN, Tensor, part_of_tensor

_kept_plain: set = set()  # the classes of PLAIN, while a mode is on and PLAIN is empty


class _DispatchState(threading.local):
    def __init__(self):
        self.off = False  # inside DisableTorchFunctionSubclass
        self.modes = []


state = _DispatchState()


def disabled(cls, func, types, args=(), kwargs=None):
    """The `__torch_function__` of a class that overrides nothing: results are plain Tensors."""
    return NotImplemented


DISABLED = classmethod(disabled)


class DisableTorchFunctionSubclass:
    """A context in which subclasses of Tensor override no function."""

    def __enter__(self):
        self.before, state.off = state.off, True

    def __exit__(self, *exc):
        state.off = self.before


def _overrides_functions(kind):
    return kind not in PLAIN and kind not in _kept_plain and getattr(kind, "__torch_function__", None) is not None


def overriders(args):
    """The arguments (one of each class, subclasses before their bases) whose classes override functions."""
    found = []
    for arg in args:
        for a in arg if isinstance(arg, list | tuple) else (arg,):
            kind = type(a)
            if (
                kind in PLAIN
                or not _overrides_functions(kind)
                or any(type(f) is kind for f in found)
                or (state.off and isinstance(a, Tensor))
            ):
                continue
            at = next((i for i, f in enumerate(found) if issubclass(kind, type(f))), len(found))
            found.insert(at, a)
    return found


def wanted(args) -> bool:
    """Whether a function must be handed over: to a mode, or to one of its arguments."""
    return bool(state.modes) or bool(overriders(args))


def hand_over(func, relevant, args, kwargs, types=None):
    """The result of `func(*args, **kwargs)` from the innermost mode, or the first overriding argument that gives one.

    Args:
        types: the `types` that `__torch_function__` gets; None: the classes of the overriding arguments.
    """
    found = overriders(relevant)
    kinds = tuple([type(f) for f in found])
    try:
        return _from_override(func, found, kinds if types is None else types, args, kwargs)
    except Exception as error:
        error.from_override = True
        raise


def _from_override(func, found, kinds, args, kwargs):
    """The result of the innermost mode, or of the first override that has one."""
    if state.modes:
        mode = state.modes.pop()
        _switch()
        try:
            return mode.__torch_function__(func, kinds, args, kwargs)
        finally:
            state.modes.append(mode)
            _switch()
    for f in found:
        made = type(f).__torch_function__(func, kinds, args, kwargs)
        if made is not NotImplemented:
            return made
    listed = "".join(f"\n\n  - tensor subclass {kind}" for kind in kinds)
    raise TypeError(
        f"Multiple dispatch failed for 'torch.{func.__name__}'; all __torch_function__ handlers returned NotImplemented:"
        f"{listed}\n\nFor more information, try re-running with TORCH_LOGS=not_implemented"
    )


def _switch():
    """Empty PLAIN while a mode is on, so that every op comes here."""
    (OVERRIDERS.add if state.modes else OVERRIDERS.discard)("mode")
    if state.modes and PLAIN:
        _kept_plain.update(PLAIN)
        PLAIN.clear()
    elif not state.modes and not PLAIN:
        PLAIN.update(_kept_plain)


class TorchFunctionMode:
    """A context that overrides every op: subclass it and define `__torch_function__(self, func, types, args, kwargs)`.

    Differs from torch: functions that take no tensor (`ones`, `tensor`, ...) are not overridden.
    """

    def __enter__(self):
        state.modes.append(self)
        _switch()
        return self

    def __exit__(self, *exc):
        state.modes.pop()
        _switch()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        raise NotImplementedError


def overridable(fn):
    """A form of a plain function that classes and modes override as a whole, and not the ops that it calls."""

    @functools.wraps(fn)
    def function(*args, **kwargs):
        if OVERRIDERS and wanted((*args, *kwargs.values())):
            return hand_over(function, (*args, *kwargs.values()), args, kwargs or None)
        return fn(*args, **kwargs)

    function.direct = fn
    return function


# ---- subclasses of Tensor


def _of_class(made, cls):
    """Tensors in a result as tensors of the subclass."""
    if cls is Tensor:
        return made
    if isinstance(made, Tensor) and not isinstance(made, cls):
        return made.as_subclass(cls)
    if isinstance(made, tuple | list):
        parts = [_of_class(m, cls) for m in made]
        return type(made)(parts) if type(made) in (tuple, list) or not hasattr(made, "_fields") else type(made)(*parts)
    return made


class _Getter:
    """A property's getter, as `__torch_function__` sees it."""

    __name__ = "__get__"

    def __init__(self, prop, name):
        self.prop, self.attribute = prop, name
        self.keeps = name in ("grad", "_base")

    def __eq__(self, other):
        """Equal to the getter that users know: `torch.Tensor.shape.__get__`."""
        return other == self.prop.__get__ or (isinstance(other, _Getter) and other.prop is self.prop)

    def __hash__(self):
        return hash(self.prop.__get__)

    def __call__(self, tensor):
        return self.prop.fget(tensor)


_OWN = {
    "__init__", "__new__", "__getattribute__", "__iter__", "__init_subclass__", "__torch_function__", "as_subclass", "__class__",
    "__reduce_ex__", "__deepcopy__", "__hash__", "__setstate__", "requires_grad_",
}  # fmt: skip


def _wrapped(fn, name):
    """A method of Tensor as a subclass inherits it."""
    if name.startswith("__"):
        fn.__name__ = name  # as `__torch_function__` shows it

    @functools.wraps(fn)
    def method(self, *args, **kwargs):
        if state.off or not wanted((self, *args)):
            return fn(self, *args, **kwargs)
        return hand_over(fn, (self, *args), (self, *args), kwargs or None)

    return method


def _wrapped_property(prop, name):
    getter = _Getter(prop, name)

    def get(self):
        if state.off:
            return prop.fget(self)
        return hand_over(getter, (self,), (self,), None)

    return property(get, prop.fset, prop.fdel)


def _operator(name):
    """`a + b` is overridden as `add`; NotImplemented if every override declines."""
    plain = getattr(Tensor, name)

    def operator(self, other):
        if state.off:
            return plain(self, other)
        try:
            return plain(self, other)
        except TypeError as error:
            if str(error).startswith("Multiple dispatch failed"):
                return NotImplemented
            raise

    return operator


_OPERATORS = {"add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor"}


@part_of_tensor
class Subclassing:
    """What a subclass of Tensor inherits."""

    _hands_over = False  # whether a class of jtorch's takes functions over, as a user's class does

    @property
    def _memory(self):
        """The tensor that has this one's elements: itself, unless it stands for one that lies in several processes."""
        return self

    def _around(self, tensor):
        """A tensor of what is computed for each element of `_memory`, as users see it beside this one."""
        return tensor

    def _of_whole(self, whole):
        """A tensor of this shape, in the form in which this one is."""
        return whole

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        """Run `func` and give its results this class: what a subclass that defines nothing does."""
        if not all(issubclass(cls, t) for t in types):
            return NotImplemented
        with DisableTorchFunctionSubclass():
            made = func(*args, **(kwargs or {}))
        return made if getattr(func, "keeps", False) else _of_class(made, cls)

    def as_subclass(self, cls):
        """This tensor's memory and history as an instance of a subclass."""
        with DisableTorchFunctionSubclass():
            made = Tensor.__getitem__(self, Ellipsis)
        made.__class__ = cls
        return made

    @staticmethod
    def _make_subclass(cls, data, require_grad=False):
        """A tensor of class `cls` on the memory of `data`, without its history."""
        made = data.detach()._alias(cls)
        return made.requires_grad_() if require_grad else made

    @classmethod
    def __init_subclass__(cls, **kwargs):
        """Wrap the methods that are not ops, unless the class overrides nothing."""
        super(Tensor, cls).__init_subclass__(**kwargs)
        own = cls.__torch_function__
        ours = cls.__module__.startswith("jtorch.") and not cls._hands_over
        if ours or getattr(own, "__func__", own) is disabled:
            if "__torch_function__" not in cls.__dict__ and ours:
                cls.__torch_function__ = DISABLED
            PLAIN.add(cls)
            return
        OVERRIDERS.add("class")
        given = {name for base in cls.__mro__ if base not in Tensor.__mro__ for name in base.__dict__}
        for name, what in list(vars(Tensor).items()):
            if name in given or name in _OWN or (name.startswith("_") and not name.startswith("__")):
                continue
            if isinstance(what, property) and what.fget is not None:
                setattr(cls, name, _wrapped_property(what, name))
            elif (
                isinstance(what, FunctionType) and name.strip("_").removeprefix("r") in _OPERATORS and name[:2] == "__"
            ):
                setattr(cls, name, _operator(name))
            elif isinstance(what, FunctionType) and not hasattr(what, "op") and name not in ("__repr__", "__format__"):
                setattr(cls, name, _wrapped(what, name))
