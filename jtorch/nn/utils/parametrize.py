"""Parameters that are functions of other parameters: reading computes them, setting applies the inverse.

A parametrized module gets a class of its own with a property in place of the parameter. The tensors that are learned are
`original`, or `original0`, `original1`, ..., of `module.parametrizations.<name>`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from contextlib import contextmanager

from jtorch.core.grad import no_grad
from jtorch.core.tensor import Tensor
from jtorch.nn.modules.container import ModuleDict, ModuleList
from jtorch.nn.modules.module import Module
from jtorch.nn.parameter import Parameter

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]

_cached: list[dict] = []


@contextmanager
def cached():
    """A context in which each parametrized tensor is computed only once."""
    _cached.append(_cached[-1] if _cached else {})
    try:
        yield
    finally:
        _cached.pop()


def _register_parameter_or_buffer(module, name, tensor):
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _check_same(new, old, what, dtype_text, shape_text, before, after):
    """Raise an error unless `new` is a tensor with the dtype and shape of `old`."""
    if not isinstance(new, Tensor):
        raise ValueError(f"{what} Got {type(new).__name__}.")
    if new.dtype != old.dtype:
        raise ValueError(f"{dtype_text}\n{before}dtype: {old.dtype}\n{after}dtype: {new.dtype}")
    if new.shape != old.shape:
        raise ValueError(f"{shape_text}\n{before}shape: {old.shape}\n{after}shape: {new.shape}")


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied in order, and the tensors that they start from.

    Args:
        modules: the parametrizations.
        original: the tensor as it is now.
        unsafe: do not check that dtype and shape stay.

    >>> class Positive(torch.nn.Module):
    ...     def forward(self, x):
    ...         return x.exp()
    >>> layer = torch.nn.Linear(2, 1)
    >>> layer = torch.nn.utils.parametrize.register_parametrization(layer, "weight", Positive())
    >>> type(layer.parametrizations.weight).__name__, bool((layer.weight > 0).all())
    ('ParametrizationList', True)
    """

    def __init__(self, modules, original, unsafe=False):
        if not len(modules):
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        new = self._inverted(original)
        if not isinstance(new, Tensor | Sequence):
            raise ValueError(
                f"'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). Got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if self.is_tensor else len(new)
        if self.is_tensor:
            self._keep_one(original, new)
        else:
            self._keep_several(original, new)
        if not unsafe:
            self._check(shape, dtype)

    def _inverted(self, original):
        with no_grad():
            new = original
            for module in reversed(list(self)):
                if hasattr(module, "right_inverse"):
                    try:
                        new = module.right_inverse(new)
                    except NotImplementedError:
                        pass  # without an inverse the value is used as it is
            return new

    def _keep_one(self, original, new):
        for what in ("dtype", "device"):
            if getattr(original, what) != getattr(new, what):
                raise ValueError(
                    f"When `right_inverse` outputs one tensor, it may not change the {what}.\n"
                    f"original.{what}: {getattr(original, what)}\nright_inverse(original).{what}: {getattr(new, what)}"
                )
        original.data = new.data
        _register_parameter_or_buffer(self, "original", original)

    def _keep_several(self, original, parts):
        for i, part in enumerate(parts):
            if not isinstance(part, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                    f"Got element {i} of the sequence with type {type(part).__name__}."
                )
            part = Parameter(part, original.requires_grad) if isinstance(original, Parameter) else part
            part.requires_grad_(original.requires_grad)
            _register_parameter_or_buffer(self, f"original{i}", part)

    def _check(self, shape, dtype):
        made = self()
        if not isinstance(made, Tensor):
            raise ValueError(f"A parametrization must return a tensor. Got {type(made).__name__}.")
        for what, old, new in (("dtype", dtype, made.dtype), ("shape", shape, made.shape)):
            if old != new:
                raise ValueError(
                    f"Registering a parametrization may not change the {what} of the tensor, unless `unsafe` flag is"
                    f" enabled.\nunparametrized {what}: {old}\nparametrized {what}: {new}"
                )

    def right_inverse(self, value):
        """Set the original tensors so that the parametrized one becomes this value; needs each parametrization's inverse."""
        with no_grad():
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(f"parametrization {type(module).__name__} does not implement right_inverse.")
                value = module.right_inverse(value)
            if self.is_tensor:
                if not isinstance(value, Tensor):
                    raise ValueError(f"`right_inverse` should return a tensor. Got {type(value).__name__}")
                if value.dtype != self.original.dtype:
                    raise ValueError(
                        f"The tensor returned by `right_inverse` has dtype {value.dtype} while `original` has dtype {self.original.dtype}"
                    )
                self.original.data = value.data
                return
            if not isinstance(value, Sequence):
                raise ValueError(f"'right_inverse' must return a sequence of tensors. Got {type(value).__name__}.")
            if len(value) != self.ntensors:
                raise ValueError(
                    f"'right_inverse' must return a sequence of tensors of length {self.ntensors}. Got a sequence of length {len(value)}."
                )
            for i, part in enumerate(value):
                kept = getattr(self, f"original{i}")
                if part.dtype != kept.dtype:
                    raise ValueError(
                        f"Tensor {i} returned by `right_inverse` has dtype {part.dtype} while `original{i}` has dtype {kept.dtype}"
                    )
                kept.data = part.data

    def forward(self):
        first, *rest = list(self)
        originals = [self.original] if self.is_tensor else [getattr(self, f"original{i}") for i in range(self.ntensors)]
        made = first(*originals)
        for module in rest:
            made = module(made)
        return made


def _inject_new_class(module):
    """Give the module a class of its own, for the properties."""
    base = type(module)

    def deep_copied(self, memo):
        made = memo.get(id(self))
        if made is None:
            made = memo[id(self)] = self.__new__(type(self))
            made.__dict__ = copy.deepcopy(self.__dict__, memo)
        return made

    def refused(self):
        raise RuntimeError(
            "Serialization of parametrized modules is only supported through state_dict(). See:\n"
            "https://pytorch.org/tutorials/beginner/saving_loading_models.html"
            "#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training"
        )

    own = {"__getstate__": refused}
    if not hasattr(base, "__deepcopy__"):
        own["__deepcopy__"] = deep_copied
    module.__class__ = type(f"Parametrized{base.__name__}", (base,), own)


def _inject_property(module, name):
    def get(self):
        made = self.parametrizations[name]
        if not _cached:
            return made()
        kept, key = _cached[-1], (id(self), name)
        if key not in kept:
            kept[key] = made()
        return kept[key]

    def put(self, value):
        self.parametrizations[name].right_inverse(value)

    setattr(type(module), name, property(get, put))


def register_parametrization(module, tensor_name, parametrization, *, unsafe=False):
    """Replace a parameter or buffer by `parametrization(original)`.

    Args:
        parametrization: a module; its `right_inverse`, if it has one, says what `original` must be for a given value.
        unsafe: do not check that dtype and shape stay.

    >>> class Double(torch.nn.Module):
    ...     def forward(self, x):
    ...         return 2 * x
    >>> layer = torch.nn.Linear(1, 1)
    >>> _ = torch.nn.utils.parametrize.register_parametrization(layer, "weight", Double())
    >>> bool(layer.weight == 2 * layer.parametrizations.weight.original)
    True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_addition(module, tensor_name, parametrization)
        module.parametrizations[tensor_name].append(parametrization)
        module.parametrizations[tensor_name].unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        made = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            _inject_new_class(module)
            module.parametrizations = ModuleDict()
        _inject_property(module, tensor_name)
        module.parametrizations[tensor_name] = made
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element with name '{tensor_name}'"
        )
    return module


def _check_addition(module, name, parametrization):
    now = getattr(module, name)
    made = parametrization(now)
    _check_same(
        made,
        now,
        "A parametrization must return a tensor.",
        "Registering a parametrization may not change the dtype of the tensor, unless the `unsafe` flag is enabled.",
        "Registering a parametrization may not change the shape of the tensor, unless the `unsafe` flag is enabled.",
        f"module.{name}.",
        f"parametrization(module.{name}).",
    )
    if hasattr(parametrization, "right_inverse"):
        try:
            back = parametrization.right_inverse(made)
        except NotImplementedError:
            return
        text = (
            f"The tensor returned by parametrization.right_inverse must have the same {{}} as module.{name}, unless the"
            " `unsafe` flag is enabled."
        )
        _check_same(
            back,
            now,
            "parametrization.right_inverse must return a tensor.",
            text.format("dtype"),
            text.format("shape"),
            f"module.{name}.",
            "returned ",
        )


def is_parametrized(module, tensor_name=None):
    """Whether a module has parametrizations; with a name, whether that tensor has."""
    parametrizations = getattr(module, "parametrizations", None)
    if not isinstance(parametrizations, ModuleDict):
        return False
    return len(parametrizations) > 0 if tensor_name is None else tensor_name in parametrizations


def remove_parametrizations(module, tensor_name, leave_parametrized=True):
    """Make the tensor an ordinary one again.

    Args:
        leave_parametrized: keep the computed value. False: keep the value of `original`.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    made = module.parametrizations[tensor_name]
    if made.is_tensor:
        original = made.original
        if leave_parametrized:
            with no_grad():
                value = getattr(module, tensor_name)
            if isinstance(original, Parameter):
                original.data = value.data
            else:
                original = value.detach()
    else:
        if not leave_parametrized:
            raise ValueError(
                "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is parametrized in terms of a sequence of tensors."
            )
        value = getattr(module, tensor_name)
        original = Parameter(value.detach()) if value.requires_grad else value
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register_parameter_or_buffer(module, tensor_name, original)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """The module's class, without the parametrizations' own."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(from_module, to_module, tensor_name=None):
    """Give a module the parametrizations of another, with their parameters."""
    if not is_parametrized(from_module):
        return to_module
    names = list(from_module.parametrizations) if tensor_name is None else [tensor_name]
    for name in names:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach().clone()))
        kept = from_module.parametrizations[name]
        for parametrization in kept:
            register_parametrization(to_module, name, parametrization)
        theirs = to_module.parametrizations[name]
        if kept.is_tensor:
            theirs.original = kept.original
        else:
            for i in range(kept.ntensors):
                setattr(theirs, f"original{i}", getattr(kept, f"original{i}"))
    return to_module
