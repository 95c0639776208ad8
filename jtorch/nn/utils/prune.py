"""Pruning: some elements of a parameter stay zero. name_orig is learned, name_mask is 1 where elements are kept.

A pruning method is a hook that replaces the parameter by name_orig * name_mask before each forward pass.
"""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable

from jtorch.core.ops.make.create import ones_like, zeros_like
from jtorch.core.ops.make.random import rand_like
from jtorch.core.ops.reduce.sort import topk
from jtorch.core.tensor import Tensor
from jtorch.nn.modules.module import Module
from jtorch.nn.utils.convert_parameters import parameters_to_vector


class BasePruningMethod(ABC):
    """A pruning method. A subclass defines `compute_mask`, which chooses the elements.

    Attributes:
        PRUNING_TYPE: "unstructured" (elements), "structured" (slices) or "global".

    >>> class First(torch.nn.utils.prune.BasePruningMethod):
    ...     PRUNING_TYPE = "unstructured"
    ...     def compute_mask(self, t, default_mask):
    ...         mask = default_mask.clone()
    ...         mask.view(-1)[0] = 0
    ...         return mask
    >>> layer = torch.nn.Linear(3, 1)
    >>> method = First.apply(layer, "weight")
    >>> layer.weight_mask
    tensor([[0., 1., 1.]])
    """

    _tensor_name: str
    PRUNING_TYPE = "unstructured"

    def __call__(self, module, inputs):
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t, default_mask):
        """The mask of the elements to keep, a subset of those that default_mask keeps."""

    def apply_mask(self, module):
        """name_orig * name_mask"""
        if self._tensor_name is None:
            raise AssertionError(f"Module {module} has to be pruned")
        original = getattr(module, self._tensor_name + "_orig")
        mask = getattr(module, self._tensor_name + "_mask")
        return mask.to(dtype=original.dtype) * original

    @classmethod
    def apply(cls, module, name, *args, importance_scores=None, **kwargs):
        """Prune a parameter of a module, in addition to earlier pruning."""
        method = cls(*args, **kwargs)
        method._tensor_name = name
        for key, hook in list(module._forward_pre_hooks.items()):
            if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
                method = _combine(hook, method, name)
                del module._forward_pre_hooks[key]
        original = getattr(module, name)
        if importance_scores is not None and importance_scores.shape != original.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as parameter {name} of {module}, got"
                f" {importance_scores.shape} vs {original.shape}"
            )
        scores = original if importance_scores is None else importance_scores
        if not isinstance(method, PruningContainer):
            module.register_parameter(name + "_orig", original)
            del module._parameters[name]
            default = ones_like(original.detach())
        else:
            default = getattr(module, name + "_mask").detach().clone()
        try:
            mask = method.compute_mask(scores, default_mask=default)
            module.register_buffer(name + "_mask", mask)
            setattr(module, name, method.apply_mask(module))
            module.register_forward_pre_hook(method)
        except Exception:
            if not isinstance(method, PruningContainer):
                original = getattr(module, name + "_orig")
                module.register_parameter(name, original)
                del module._parameters[name + "_orig"]
            raise
        return method

    def prune(self, t, default_mask=None, importance_scores=None):
        """The tensor with some elements zero."""
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise AssertionError("importance_scores should have the same shape as tensor t")
        default = ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(scores, default_mask=default)

    def remove(self, module):
        """Make the pruned values an ordinary parameter."""
        name = self._tensor_name
        if name is None:
            raise AssertionError(f"Module {module} has to be pruned            before pruning can be removed")
        weight = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        original = module._parameters[name + "_orig"]
        original.data = weight.data
        del module._parameters[name + "_orig"]
        del module._buffers[name + "_mask"]
        setattr(module, name, original)


def _combine(old, new, name):
    if isinstance(old, PruningContainer):
        old.add_pruning_method(new)
        return old
    made = PruningContainer(old)
    made._tensor_name = name
    made.add_pruning_method(new)
    return made


class PruningContainer(BasePruningMethod):
    """Several pruning methods for one parameter, applied in order.

    Args:
        args: pruning methods.

    >>> box = torch.nn.utils.prune.PruningContainer()
    >>> len(box)
    0
    """

    def __init__(self, *args):
        self._pruning_methods = ()
        methods = args[0] if len(args) == 1 and isinstance(args[0], Iterable) else args
        for method in methods:
            if not self._pruning_methods:
                self._tensor_name = method._tensor_name
            self.add_pruning_method(method)

    def add_pruning_method(self, method):
        if not isinstance(method, BasePruningMethod) and method is not None:
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is not None and self._tensor_name != method._tensor_name:
            raise ValueError(
                "Can only add pruning methods acting on the parameter named"
                f" '{self._tensor_name}' to PruningContainer {self}." + f" Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self):
        return len(self._pruning_methods)

    def __iter__(self):
        return iter(self._pruning_methods)

    def __getitem__(self, index):
        return self._pruning_methods[index]

    def compute_mask(self, t, default_mask):
        method = self._pruning_methods[-1]
        mask = default_mask.to(dtype=t.dtype)
        kept = mask != 0
        if method.PRUNING_TYPE == "unstructured":
            part = method.compute_mask(t[kept], default_mask=mask[kept])
            made = mask.clone()
            made[kept] = part.to(dtype=made.dtype)
            return made
        if method.PRUNING_TYPE == "structured":
            dim = method.dim % t.dim()
            rest = tuple(d for d in range(t.dim()) if d != dim)
            alive = mask.sum(dim=rest) != 0
            where = (slice(None),) * dim + (alive,)
            made = mask.clone()
            made[where] = method.compute_mask(t[where], default_mask=mask[where]).to(dtype=made.dtype)
            return made
        if method.PRUNING_TYPE == "global":
            return method.compute_mask(t, default_mask=mask)
        raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")


class Identity(BasePruningMethod):
    """Prunes nothing; the mask is all ones.

    >>> torch.nn.utils.prune.Identity().prune(torch.tensor([3., 4.]))
    tensor([3., 4.])
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        return default_mask


def _check_amount(amount):
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if (isinstance(amount, numbers.Integral) and amount < 0) or (
        not isinstance(amount, numbers.Integral) and (float(amount) > 1.0 or float(amount) < 0.0)
    ):
        raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")


def _count_to_prune(amount, size):
    """How many of `size` elements to prune, given a share or a number."""
    if not isinstance(amount, numbers.Integral):
        return round(amount * size)
    if amount > size:
        raise ValueError(f"amount={amount} should be smaller than the number of parameters to prune={size}")
    return amount


class _PrunedByAmount(BasePruningMethod):
    def __init__(self, amount):
        _check_amount(amount)
        self.amount = amount


class RandomUnstructured(_PrunedByAmount):
    """Prunes elements at random.

    Args:
        amount: how many elements: an int, or a share in [0, 1].

    >>> torch.nn.utils.prune.RandomUnstructured(1).prune(torch.ones(3)).sum()
    tensor(2.)
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        n = _count_to_prune(self.amount, t.nelement())
        mask = default_mask.clone()
        if n:
            mask.view(-1)[topk(rand_like(t).view(-1), k=n).indices] = 0
        return mask

    @classmethod
    def apply(cls, module, name, amount):
        return super().apply(module, name, amount=amount)


class L1Unstructured(_PrunedByAmount):
    """Prunes the smallest elements.

    Args:
        amount: how many elements: an int, or a share in [0, 1].

    >>> torch.nn.utils.prune.L1Unstructured(1).prune(torch.tensor([3., -4.]))
    tensor([ 0., -4.])
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        n = _count_to_prune(self.amount, t.nelement())
        mask = default_mask.clone()
        if n:
            mask.view(-1)[topk(t.abs().view(-1), k=n, largest=False).indices] = 0
        return mask

    @classmethod
    def apply(cls, module, name, amount, importance_scores=None):
        return super().apply(module, name, amount=amount, importance_scores=importance_scores)


class _PrunedInSlices(BasePruningMethod):
    PRUNING_TYPE = "structured"

    def _check(self, t):
        if t.dim() <= 1:
            raise ValueError(
                f"Structured pruning can only be applied to multidimensional tensors. Found tensor of shape {t.shape} with {t.dim()} dims"
            )
        if self.dim >= t.dim():
            raise IndexError(f"Invalid index {self.dim} for tensor of size {t.shape}")

    def _mask(self, t, kept, default_mask):
        mask = zeros_like(t)
        mask[(slice(None),) * (self.dim % t.dim()) + (kept,)] = 1
        return mask * default_mask.to(dtype=mask.dtype)


class RandomStructured(_PrunedInSlices):
    """Prunes slices along a dimension at random.

    Args:
        amount: how many slices: an int, or a share in [0, 1].
        dim: the dimension along which the slices lie.

    >>> torch.nn.utils.prune.RandomStructured(1, dim=0).prune(torch.ones(2, 2)).sum()
    tensor(2.)
    """

    def __init__(self, amount, dim=-1):
        _check_amount(amount)
        self.amount = amount
        self.dim = dim

    def compute_mask(self, t, default_mask):
        self._check(t)
        size = t.shape[self.dim]
        n = _count_to_prune(self.amount, size)
        if not n:
            return default_mask
        chance = zeros_like(t.detach().select(0, 0)).new_empty(size).uniform_()
        return self._mask(t, topk(chance, k=size - n).indices, default_mask)

    @classmethod
    def apply(cls, module, name, amount, dim=-1):
        return super().apply(module, name, amount=amount, dim=dim)


class LnStructured(_PrunedInSlices):
    """Prunes the slices of smallest norm along a dimension.

    Args:
        amount: how many slices: an int, or a share in [0, 1].
        n: the n of the norm.
        dim: the dimension along which the slices lie.

    >>> torch.nn.utils.prune.LnStructured(1, n=2, dim=0).prune(torch.tensor([[3., 4.], [1., 1.]]))
    tensor([[3., 4.],
            [0., 0.]])
    """

    def __init__(self, amount, n, dim=-1):
        _check_amount(amount)
        self.amount = amount
        self.n = n
        self.dim = dim

    def compute_mask(self, t, default_mask):
        self._check(t)
        size = t.shape[self.dim]
        pruned = _count_to_prune(self.amount, size)
        if not pruned:
            return default_mask
        rest = [d for d in range(t.dim()) if d != self.dim % t.dim()]
        norms = t.norm(p=self.n, dim=rest)
        return self._mask(t, topk(norms, k=size - pruned, largest=True).indices, default_mask)

    @classmethod
    def apply(cls, module, name, amount, n, dim, importance_scores=None):
        return super().apply(module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores)


class CustomFromMask(BasePruningMethod):
    """Prunes by a given mask.

    Args:
        mask: 1 where an element stays, 0 where it is pruned.

    >>> torch.nn.utils.prune.CustomFromMask(torch.tensor([1, 0])).prune(torch.tensor([3., 4.]))
    tensor([3., 0.])
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask):
        self.mask = mask

    def compute_mask(self, t, default_mask):
        if default_mask.shape != self.mask.shape:
            raise AssertionError("mask must have the same shape as default_mask")
        return default_mask * self.mask.to(dtype=default_mask.dtype)

    @classmethod
    def apply(cls, module, name, mask):
        return super().apply(module, name, mask=mask)


def identity(module, name):
    """Make the mask without pruning."""
    Identity.apply(module, name)
    return module


def random_unstructured(module, name, amount):
    """Prune elements at random: a share (float) or a number (int) of them."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module, name, amount, importance_scores=None):
    """Prune the elements of smallest magnitude, or of least importance."""
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module, name, amount, dim):
    """Prune slices along a dimension at random."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(module, name, amount, n, dim, importance_scores=None):
    """Prune the slices of least n-norm along a dimension."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module, name, mask):
    """Prune by a mask."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(parameters, pruning_method, importance_scores=None, **kwargs):
    """Prune elements of several parameters as if they were one.

    Args:
        parameters: (module, name) pairs.
        pruning_method: a class, such as L1Unstructured.
        importance_scores: {(module, name): scores} to compare instead of the parameters.
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    pairs = list(parameters)
    scores = importance_scores or {}
    if not isinstance(scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    flat = parameters_to_vector([scores.get((m, n), getattr(m, n)) for m, n in pairs])
    masks = parameters_to_vector([getattr(m, n + "_mask", ones_like(getattr(m, n))) for m, n in pairs])
    container = PruningContainer()
    container._tensor_name = "temp"
    method = pruning_method(**kwargs)
    method._tensor_name = "temp"
    container.add_pruning_method(method)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. '
            f"Found method {pruning_method} of type {method.PRUNING_TYPE}"
        )
    final = container.compute_mask(flat, masks)
    start = 0
    for module, name in pairs:
        param: Tensor = getattr(module, name)
        custom_from_mask(module, name, mask=final[start : start + param.numel()].view_as(param))
        start += param.numel()


def remove(module, name):
    """Make the pruned parameter an ordinary one."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")


def is_pruned(module: Module) -> bool:
    """Whether a parameter of the module, or of one inside it, is pruned."""
    return any(isinstance(hook, BasePruningMethod) for m in module.modules() for hook in m._forward_pre_hooks.values())


__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]
