"""A tensor's attributes about its gradient and history: `requires_grad`, `grad`, `is_leaf`, `data`, `detach_`.

`jtorch.core.grad` computes gradients; `jtorch.core.tensor.start_backward` starts a backward pass.
"""

from __future__ import annotations

from jtorch.core.engine import Lifted, Value, local
from jtorch.core.facts import dtype, warn_user
from jtorch.core.grad import Leaf, Output, UnseenVersion, moved_version
from jtorch.core.tensor.leaf import LeafGrad
from jtorch.core.tensor.storage import InferenceStorage, Storage, other_users
from jtorch.core.tensor.tensor import Tensor, part_of_tensor, wrap

VIEW_DETACHED = (
    "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for"
    " training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence"
    " detach_() cannot be called on these gradients. To fix this error, please refer to the"
    " Optimizer.zero_grad() function in torch/optim/optimizer.py as the solution."
)
_NOT_A_LEAF = "you can only change requires_grad flags of leaf variables."
_DETACH_IT = " If you want to use a computed variable in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
_NON_LEAF_GRAD = (
    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be "
    "populated during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf Tensor, "
    "use .retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you access "
    "the leaf Tensor instead. See github.com/pytorch/pytorch/pull/30531 for more information."
)


def computed(self):
    """Whether a node of the gradient graph made it. Does not bring the history of a view up to date."""
    return self._edge is not None and not isinstance(self._edge, Leaf)


@part_of_tensor
class Gradient:
    """Attributes of a tensor about its gradient and history."""

    @property
    def requires_grad(self):
        """Whether a backward pass gives this tensor a gradient, or passes one on through it."""
        if self._edge is not None:
            return True
        return self._base is not None and self._base._edge is not None and self._type.differentiable

    @requires_grad.setter
    def requires_grad(self, on):
        if on.__class__ is not bool:
            raise RuntimeError("requires_grad must be a bool")
        if computed(self):
            raise RuntimeError(_NOT_A_LEAF + ("" if on else _DETACH_IT))
        if on and not self._type.differentiable:
            raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
        self.requires_grad_(on)

    def requires_grad_(self, requires_grad=True):
        """Collect gradients in `.grad` from now on (a leaf only). Returns self."""
        if not requires_grad:
            if computed(self):
                raise RuntimeError(_NOT_A_LEAF + _DETACH_IT)
            if self._edge is not None:
                self._edge, self._leaf = None, self._edge  # kept for the graphs and hooks that refer to it
        elif self._edge is None:
            if not self._type.differentiable:
                raise RuntimeError("only Tensors of floating point dtype can require gradients")
            if self._storage.__class__ is InferenceStorage and not local.inference:
                raise RuntimeError(
                    "Setting requires_grad=True on inference tensor outside InferenceMode is not allowed."
                )
            self._edge = getattr(self, "_leaf", None) or LeafGrad(self)
        return self

    @property
    def is_leaf(self):
        """Whether it was made by the user, not by a differentiable operation."""
        edge = self._history()
        return edge is None or isinstance(edge, Leaf)

    @property
    def output_nr(self):
        edge = self._edge  # PyTorch does not bring a view's history up to date for it
        return edge.nr if edge.__class__ is Output else 0

    @property
    def grad(self):
        """The gradient that backward passes have collected, or None."""
        if self._grad is None and computed(self) and not self.retains_grad:
            warn_user(_NON_LEAF_GRAD)
        return self._gradient()

    @grad.setter
    def grad(self, grad):
        if grad is not None:
            _check_grad(self, grad)
        self._grad = grad

    @grad.deleter
    def grad(self):
        self._grad = None

    def _gradient(self):
        """`.grad` without the warning. A replayed backward pass leaves a Value there, which becomes a tensor when it is read."""
        grad = self._grad
        if grad.__class__ is Value:
            grad = self._grad = wrap(grad)
        return grad

    def detach_(self):
        """Forget this tensor's history. Returns self."""
        if self._base is not None:
            raise RuntimeError(VIEW_DETACHED)
        self._edge = None
        return self

    @property
    def data(self):
        """The same memory without history. Autograd does not see writes made through it: backward reads what they wrote.

        Differs from torch: backward raises NotImplementedError if it cannot tell what was written. That is so for a view
        without a history, for the result of an op whose gradient is not known from its result alone, and for a tensor
        without a history that shared its memory when `.data = ` gave it other memory.

        >>> x = torch.ones(2, requires_grad=True)
        >>> y = x * x
        >>> x.data.mul_(3)
        tensor([3., 3.])
        >>> y.sum().backward()
        >>> x.grad
        tensor([6., 6.])
        """
        made = self.detach()
        made._counter = UnseenVersion()
        return made

    @data.setter
    def data(self, other):
        if not isinstance(other, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(other).__name__}")
        if self._edge is not None and not other._type.differentiable:
            raise RuntimeError("data set to a tensor that requires gradients must be floating point or complex dtype")
        storage = self._storage
        if other._storage is storage and other._view is self._view:
            return
        if local.depth and other._storage.value.__class__ is Lifted:
            raise RuntimeError("mutating directly with `.data` under vmap transform is not allowed.")
        self._mark_moved(other, other_users(storage) > 0)
        if self._counter is None:  # earlier views keep sharing this tensor's count, though they show other cells
            self._counter = storage if other_users(storage) else Counter(storage.version)
        self._storage = other._storage
        self._view = other._view
        self._base = None
        note_move()

    def _mark_moved(self, other, shared):
        """Tell backward where the elements of this tensor are from now on. `shared`: others stay on its memory."""
        storage, view = self._storage, self._view
        if storage.__class__ is not Storage:
            return
        value = storage.value if view is None else view.value
        if value is None:  # nobody has read it
            return
        counter = moved_version(self, value, other._value, shared)
        if shared:
            storage.touch(counter)
        elif value.mark is None:
            value.mark = [counter, 0]
        elif not value.mark:
            value.mark += (counter, 0)
        local.trace.overwritten += 1

    @data.deleter
    def data(self):
        raise RuntimeError("Deleting tensor data is not allowed. Delete tensor instead!")

    @property
    def _version(self):
        if self._storage.__class__ is InferenceStorage:
            raise RuntimeError("Inference tensors do not track version counter.")
        return (self._counter or self._storage).version

    @property
    def grad_dtype(self):
        """The dtype of the tensor's gradient: its own. Differs from torch: another one is refused."""
        if not self.is_leaf:
            raise RuntimeError("grad_dtype can only be accessed on leaf tensors.")
        return self.dtype

    @grad_dtype.setter
    def grad_dtype(self, to):
        if not self.is_leaf:
            raise RuntimeError("grad_dtype can only be set on leaf tensors.")
        if to is not None and not isinstance(to, dtype):
            raise RuntimeError(f"grad_dtype must be a torch.dtype or None, but got {type(to).__name__}")
        if to is not self.dtype:
            raise NotImplementedError(
                "grad_dtype: in jtorch a gradient has its tensor's dtype; cast it with x.grad.to(dtype)"
            )


class Counter:
    """A version count of its own, for a tensor that `.data = ` gave other memory."""

    __slots__ = ("version",)

    def __init__(self, version=0):
        self.version = version


def count_move(self) -> None:
    """Count a move to other memory as a write: this tensor keeps its version count, and so do those that share it."""
    storage = self._storage
    shared = other_users(storage) > 0
    if self._counter is None:
        self._counter = storage if shared else Counter(storage.version)
    counter = self._counter
    if shared and self._view is None and storage.__class__ is Storage:
        storage.touch(counter)
        return
    if self._view is None and not storage.value.mark:  # so that a backward pass that saved it notices
        storage.value.mark = [counter, counter.version]
        local.trace.overwritten += 1
    counter.version += 1


def _check_grad(self, grad):
    """Raise PyTorch's error unless `grad` can be the gradient of this tensor."""
    if not isinstance(grad, Tensor):
        raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(grad).__name__}")
    if grad is self:
        raise RuntimeError("can't assign Variable as its own grad")
    mine, theirs = self._type, grad._type
    if theirs.dtype is not mine.dtype:
        raise RuntimeError(
            f"attempting to assign a gradient with dtype '{theirs.dtype.cname}' to a tensor with grad_dtype '{mine.dtype.scalar_name}'. "
            "The gradient must match the tensor's grad_dtype (defaults to the tensor's dtype). "
            "You can set the tensor's grad_dtype attribute with a specific dtype, or None to allow any dtype. "
            "Set grad_dtype with caution. "
            "Diverging the dtypes of a tensor and its gradient may break downstream systems that assume they match."
        )
    if theirs.place is not mine.place:
        raise RuntimeError(
            f"attempting to assign a gradient with device type '{grad.device.type}' to a tensor with device type '{self.device.type}'. "
            "Please ensure that the gradient and the tensor are on the same device"
        )
    if theirs.shape != mine.shape:
        raise RuntimeError(
            f"attempting to assign a gradient of size '{list(theirs.shape)}' to a tensor of size '{list(mine.shape)}'. "
            "Please ensure that the gradient and the tensor are the same size"
        )


_moves = 0


def moves() -> int:
    """How often a tensor was given other memory (`.data = `, `set_`), for code that remembers which tensors share memory."""
    return _moves


def note_move() -> None:
    """Count that a tensor was given other memory."""
    global _moves
    _moves += 1
