"""What a function that `torch.func` transforms must not do: write to tensors from outside it, or use `backward` and the like.

While such a function runs in any thread, checks stand before some methods of Tensor; otherwise nothing is checked.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from weakref import WeakSet

from jtorch.core.engine import Lifted, add_fields, local
from jtorch.core.facts import flatten_tree
from jtorch.core.grad import GradNode
from jtorch.core.tensor.inference import watch_storages
from jtorch.core.tensor.levels import Batch
from jtorch.core.tensor.requires_grad import VIEW_DETACHED
from jtorch.core.tensor.tensor import Tensor, attach
from jtorch.core.tensor.writing import Writing

add_fields(depth=0)  # how many transforms are running


class InputNode(GradNode):
    """The node of an input of a transformation. To the function it is a leaf."""

    __slots__ = ()

    def name(self):
        return "ViewBackward0"


@contextmanager
def running(level=None, given=None):
    """A block in which a transformed function runs.

    Args:
        level: the level of `vmap` or `jvp`, or None.
        given: if the function is differentiated, its arguments: it may write to tensors in them.
    """
    before = local.made_inside
    local.depth += 1
    if level is not None:
        level.depth = local.depth
    if given is not None:
        local.made_inside = (*before, WeakSet())
        may_write(given)
    _count_running(1)
    try:
        yield
    finally:
        _count_running(-1)
        local.depth -= 1
        local.made_inside = before


def may_write(tree):
    """Let the function that is being differentiated write to these tensors: they are its arguments."""
    local.made_inside[-1].update([t._storage for t in flatten_tree(tree)[0] if isinstance(t, Tensor)])


_running = 0  # functions that are transformed now, in all threads
_plain = Writing._writable, Writing._assign


def _count_running(change):
    global _running
    _running += change
    watch_storages(change)
    methods = (_checked_writable, _checked_assign) if _running else _plain
    for name, method in zip(("_writable", "_assign"), methods, strict=True):
        attach(name, method)
    if not _public:
        _public.update({name: vars(Tensor)[name] for name in _CHECKED})
    for name, check in _CHECKED.items():
        attach(name, _checked(name, check) if _running else _public[name])


def _checked_writable(self, twice=False, given=(), name="copy_"):
    if local.depth:
        batched = _unbatched(self, name, given)
        captured = _captured(self, name, given)
        innermost = local.batch is not None and local.batch.depth == local.depth and name != "add_"
        for error in (batched, captured) if innermost else (captured, batched):
            if error is not None:
                raise RuntimeError(error)
    return _plain[0](self, twice, given)


def _checked_assign(self, value, edge):
    missing = _levels_missing(self, [value]) if local.depth else None
    if missing:
        raise RuntimeError(_not_batched("inplace arithmetic", missing))
    return _plain[1](self, value, edge)


# ---- requires_grad_, backward, ...

_public: dict = {}  # the methods of Tensor that have checks before them while a function is transformed


def _checked(name, check):
    """The method, with a check before a call from outside of jtorch."""
    plain = _public[name]

    def method(self, *args, **kwargs):
        if local.depth and not sys._getframe(1).f_globals.get("__name__", "").startswith("jtorch."):
            check(self)
        return plain(self, *args, **kwargs)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = plain.__doc__
    return method


def _refuse_requires_grad(tensor):
    raise RuntimeError(
        _UNSUPPORTED.format("requires_grad_() (or perhaps using torch.autograd.functional.* APIs)", "requires_grad_")
    )


def _refuse_retain_grad(tensor):
    if tensor.requires_grad:
        raise RuntimeError(_UNSUPPORTED.format("retain_grad()", "retain_grad"))


def _refuse_backward(tensor):
    raise RuntimeError(
        "backward() called inside a functorch transform. This is not supported, please use functorch.grad or functorch.vjp"
        " instead or call backward() outside of functorch transforms."
    )


def _detach_lifted(tensor):
    """Take what `vmap` and `jvp` have made of the tensor from it, too, before it is detached."""
    value = tensor._storage.value
    if value.__class__ is Lifted:
        if _batches(value):
            raise RuntimeError(VIEW_DETACHED)
        tensor._storage.value = value.level.constant(tensor)._value


_UNSUPPORTED = (
    "You are attempting to call Tensor.{} inside of a function being transformed by a functorch transform. This is unsupported,"
    " please attempt to use the functorch transforms (e.g. grad, vjp, jacrev, jacfwd, hessian) or call {}() outside of a function"
    " being transformed instead."
)
_CHECKED = {
    "requires_grad_": _refuse_requires_grad,
    "retain_grad": _refuse_retain_grad,
    "backward": _refuse_backward,
    "detach_": _detach_lifted,
}


# ---- vmap


def _batches(value):
    """The levels of `vmap` that a value is lifted by; the tangent of a pair does not count."""
    found = set()
    while value.__class__ is Lifted:
        if isinstance(value.level, Batch):
            found.add(value.level)
        value = value.parts[0]
    return found


def batched_like(made, value):
    """A new tensor, or a batch of copies of it wherever `vmap` lifted the value: `zeros_like` of a batch is one."""
    if not local.depth or value.__class__ is not Lifted:
        return made
    part = batched_like(made, value.parts[0])
    if not isinstance(value.level, Batch):
        return part
    return value.level.lift(part.unsqueeze(0).expand(value.level.size, *part.shape).clone(), 0)


def _levels_missing(tensor, values):
    """The levels that lifted one of the values, but not the tensor; innermost last."""
    found = set().union(*[_batches(v) for v in values]) - _batches(tensor._storage.value)
    return sorted(found, key=lambda level: level.depth)


def escapes_batch(tensor, result):
    """Whether a result is a batch by `vmap`, and the tensor that it would be written to is not."""
    return bool(local.depth and _levels_missing(tensor, [result._value]))


_ARITHMETIC = {"mul_", "sub_", "div_", "copy_", "masked_fill_", "eq_", "ne_", "lt_", "le_", "gt_", "ge_"}
_NAMED = {"fill_", "index_add_", "index_put_"}


def _unbatched(tensor, name, given):
    """PyTorch's error if one tensor is to hold a batch of results; None otherwise."""
    tensors = [t for t in flatten_tree(given)[0] if isinstance(t, Tensor)]
    missing = _levels_missing(tensor, [t._storage.value for t in tensors])
    if not missing:
        return None
    if name == "add_":
        shape = [level.size for level in missing] + list(tensor.shape)
        return f"output with shape {list(tensor.shape)} doesn't match the broadcast shape {shape}"
    return _not_batched("inplace arithmetic" if name in _ARITHMETIC else name, missing)


def _not_batched(what, missing):
    where = "in a vmap"
    if what not in _NAMED and what != "inplace arithmetic":  # PyTorch has no rule for it, and loops over the batch
        what, where = f"aten::{what}", f"at level {missing[-1].depth}"
    return (
        f"vmap: {what}(self, *extra_args) is not possible because there exists a Tensor `other` in extra_args that has more "
        "elements than `self`. This happened due to `other` being vmapped over but `self` not being vmapped over "
        f"{where}. Please try to use out-of-place operators instead of {what}. If said operator is being called inside the "
        "PyTorch framework, please file a bug report instead."
    )


# ---- derivatives


def _captured(tensor, name, given):
    """PyTorch's error if the function that is differentiated does not own the tensor; None otherwise."""
    if not local.made_inside:
        return None
    if local.grad and tensor._edge.__class__ is InputNode:
        return "a leaf Variable that requires grad is being used in an in-place operation."
    if local.grad and tensor._base is not None and tensor._base._edge.__class__ is InputNode:
        return "a view of a leaf Variable that requires grad is being used in an in-place operation."
    if tensor._storage in local.made_inside[-1]:
        return None
    return (
        "During a grad (vjp, jvp, grad, etc) transform, the function provided attempted to call in-place operation "
        f"(aten::{name}{_overload_name(name, given)}) that would mutate a captured Tensor. This is not supported; please rewrite the "
        "function being transformed to explicitly accept the mutated Tensor(s) as inputs."
    )


_OF_TENSORS = {"add_", "sub_", "mul_", "div_"}
_OF_EITHER = {
    "pow_",
    "fill_",
    "masked_fill_",
    "lerp_",
    "fmod_",
    "remainder_",
    "bitwise_and_",
    "bitwise_or_",
    "eq_",
    "ne_",
}


def _overload_name(name, given):
    """The name of the overload that PyTorch's parser would choose."""
    last = given[-1] if given else None
    if name in _OF_TENSORS or (isinstance(last, Tensor) and (name in _OF_EITHER or name == "clamp_")):
        return ".Tensor"
    if name == "index_fill_":
        return ".int_Tensor" if isinstance(last, Tensor) else ".int_Scalar"
    if name == "scatter_":
        return ".src" if isinstance(last, Tensor) else ".value"
    return ".Scalar" if name in _OF_EITHER else ""
