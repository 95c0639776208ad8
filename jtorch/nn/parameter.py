"""Parameters and buffers: how they are made from a tensor, copied, printed and pickled.

This includes parameters whose shape is not known yet. Module registers them.
"""

from __future__ import annotations

import copy
from collections import OrderedDict

from jtorch.core.ops.make.create import empty
from jtorch.core.tensor import PLAIN, Storage, Tensor, print_unnamed


class _ParameterMeta(type(Tensor)):
    """A tensor of a user's class is an instance of Parameter once it was passed to `Parameter(...)`."""

    def __instancecheck__(cls, instance):
        if super().__instancecheck__(instance):
            return True
        return cls is Parameter and issubclass(type(instance), Tensor) and getattr(instance, "_is_param", False)

    def __repr__(cls):
        # PyTorch's text, which programs print. `__module__` keeps jtorch's name, which pickle needs.
        return f"<class 'torch.nn.parameter.{cls.__name__}'>" if cls.__module__ == __name__ else super().__repr__()


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor that a Module registers as a parameter when it is assigned to an attribute.

    Args:
        data: the tensor whose memory it shares, without its history. None: no elements.
        requires_grad: whether backward collects a gradient in `.grad`.

    Raises:
        RuntimeError: `requires_grad` for integers or booleans.

    >>> torch.nn.Parameter(torch.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    __slots__ = ()

    def __new__(cls, data=None, requires_grad=True):
        if data is None:
            data = empty(0)
        kind = type(data)
        if kind is not Tensor and not issubclass(kind, Parameter):
            return _marked_as_parameter(data, requires_grad)
        if requires_grad and not (data.dtype.is_floating_point or data.dtype.is_complex):
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        return data.detach()._alias(cls).requires_grad_(requires_grad)

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = type(self)(copy.deepcopy(self.data), self.requires_grad)
        return memo[id(self)]

    def __repr__(self):
        return "Parameter containing:\n" + super().__repr__()

    def __reduce_ex__(self, protocol):
        args = (self.data, self.requires_grad, OrderedDict())
        if not self.__dict__:
            return _rebuild_parameter, args
        return _rebuild_parameter_with_state, (*args, dict(self.__dict__))


print_unnamed(Parameter)  # its text begins with its own heading


def _marked_as_parameter(data, requires_grad):
    """A tensor of a user's class, which keeps its class and is marked as a parameter."""
    made = data.detach()
    if type(made) is not type(data):
        raise RuntimeError(
            f"Creating a Parameter from an instance of type {type(data).__name__} requires that detach()"
            f" returns an instance of the same type, but return type {type(made).__name__} was found"
            " instead. To use the type as a Parameter, please correct the detach() semantics defined by its"
            " __torch_dispatch__() implementation."
        )
    made.requires_grad_(requires_grad)
    made._is_param = True
    return made


def _rebuild_parameter(data, requires_grad, backward_hooks):
    """Called when a parameter is unpickled. The arguments are those of PyTorch's files."""
    return Parameter(data, requires_grad)


def _rebuild_parameter_with_state(data, requires_grad, backward_hooks, state):
    """The same for a parameter with attributes that the user set."""
    return set_attributes(Parameter(data, requires_grad), state)


def set_attributes(tensor, state):
    """Give an unpickled tensor the attributes in its state: a dict, or a pair of them (of `__dict__` and of slots)."""
    if isinstance(state, tuple) and len(state) != 2:
        raise RuntimeError(f"Invalid serialized state: {state}")
    for attributes in state if isinstance(state, tuple) else (state,):
        for name, value in (attributes or {}).items():
            setattr(tensor, name, value)
    return tensor


class _BufferMeta(type(Tensor)):
    """A marked tensor is an instance of Buffer."""

    def __instancecheck__(cls, instance):
        if super().__instancecheck__(instance):
            return True
        return cls is Buffer and issubclass(type(instance), Tensor) and getattr(instance, "_is_buffer", False)


class Buffer(Tensor, metaclass=_BufferMeta):
    """A tensor that a Module registers as a buffer when it is assigned: state that is not learned.

    Args:
        data: the tensor whose memory it shares.
        persistent: whether `state_dict` holds it.

    >>> torch.nn.Buffer(torch.zeros(2)).persistent
    True
    """

    __slots__ = ()

    def __new__(cls, data=None, *, persistent=True):
        data = empty(0) if data is None else data
        made = data.detach().requires_grad_(data.requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        return made


_value_slot = Storage.value  # the slot, which `_UninitializedStorage` hides


def _refuse(name):
    """Raise PyTorch's error for an op, `name`, on a tensor that has no shape yet."""
    raise ValueError(
        f"Attempted to use an uninitialized parameter in <method '{name}' of 'torch._C.TensorBase' objects>."
        " This error happens when you are using a `LazyModule` or explicitly manipulating `torch.nn.parameter.UninitializedParameter`"
        " objects. When using LazyModules Call `forward` with a dummy batch to initialize the parameters before calling torch functions"
    )


class _UninitializedStorage(Storage):
    """The storage of a tensor without a shape. It has a dtype and a device; reading its value raises an error."""

    __slots__ = ()

    type = property(lambda self: _value_slot.__get__(self).type)

    @property
    def value(self):
        _refuse("detach")

    @value.setter
    def value(self, value):
        _value_slot.__set__(self, value)


def _refuse_op(cls, func, types, args=(), kwargs=None):
    """The `__torch_function__` of a tensor without a shape."""
    _refuse(func.__name__)


class UninitializedTensorMixin:
    """The base of `UninitializedParameter` and `UninitializedBuffer`: a tensor whose shape is known at the first forward pass.

    Until then it has a dtype and a device. Ops on it raise ValueError, and its shape raises RuntimeError.

    >>> issubclass(torch.nn.UninitializedParameter, torch.nn.parameter.UninitializedTensorMixin)
    True
    """

    __slots__ = ()

    def __init_subclass__(cls, **kwargs):
        own = cls.__dict__.get("__torch_function__")
        if own is None:
            cls.__torch_function__ = Parameter.__dict__["__torch_function__"]  # methods keep working
        super().__init_subclass__(**kwargs)
        if own is None:
            cls.__torch_function__ = classmethod(_refuse_op)
            PLAIN.discard(cls)  # so that ops ask `__torch_function__`, which refuses by the op's name

    @classmethod
    def _new_like(cls, like, requires_grad):
        """A new one with the dtype and device of `like`."""
        made = like._alias(cls)
        made._storage = _UninitializedStorage(like._value)
        return made.requires_grad_(requires_grad)

    def relocate(self, move):
        """Change dtype and device as `move` changes those of an ordinary tensor. Returns self."""
        self._storage = _UninitializedStorage(move(empty(0, device=self.device, dtype=self.dtype))._value)
        return self

    def materialize(self, shape, device=None, dtype=None):
        """Allocate memory of this shape, uninitialised, and become an ordinary parameter or buffer.

        Args:
            shape: a tuple of ints.
            device: None: keep the device.
            dtype: None: keep the dtype.
        """
        was = self.data
        self.data = empty(shape, device=device or was.device, dtype=dtype or was.dtype)
        self.__class__ = self.cls_to_become

    # As in PyTorch, a tensor without elements: values may be drawn into it, and are lost.
    data = property(lambda self: empty(0, device=self.device, dtype=self.dtype), Tensor.data.fset)

    @property
    def shape(self):
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. "
            "This error usually happens in `load_state_dict` when trying to load an uninitialized parameter into an initialized one. "
            "Call `forward` to initialize the parameters before accessing their attributes."
        )

    def clone(self, *, memory_format=None):
        _refuse("clone")

    def numel(self):
        _refuse("numel")

    def share_memory_(self):
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. "
            "Call `forward` to initialize the parameters before calling `module.share_memory()`."
        )

    def __repr__(self):
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol):
        return type(self), (self.requires_grad,)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is not known yet; lazy layers materialize it at their first call.

    Args:
        requires_grad: whether backward collects a gradient in `.grad`.
        device, dtype: where its memory will be, and of which dtype; None: the defaults.

    Raises:
        ValueError: an op on it.
        RuntimeError: its shape is read.

    >>> weight = torch.nn.UninitializedParameter()
    >>> weight.materialize((2, 3))
    >>> weight.shape
    torch.Size([2, 3])
    """

    __slots__ = ()

    cls_to_become = Parameter

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        return cls._new_like(empty(0, device=device, dtype=dtype), requires_grad)

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            was = self.data
            memo[id(self)] = type(self)(self.requires_grad, was.device, was.dtype)
        return memo[id(self)]


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape is not known yet; lazy layers materialize it at their first call.

    Args:
        requires_grad: whether backward collects a gradient in `.grad`.
        device, dtype: where its memory will be, and of which dtype; None: the defaults.
        persistent: whether `state_dict` holds it.

    Raises:
        ValueError: an op on it.
        RuntimeError: its shape is read.

    >>> mean = torch.nn.UninitializedBuffer()
    >>> mean.materialize((3,))
    >>> mean.shape
    torch.Size([3])
    """

    __slots__ = ()

    cls_to_become = Tensor

    def __new__(cls, requires_grad=False, device=None, dtype=None, persistent=True):
        made = cls._new_like(empty(0, device=device, dtype=dtype), requires_grad)
        made.persistent = persistent
        made._is_buffer = True
        return made


def is_lazy(tensor) -> bool:
    """Whether its shape is not known yet."""
    return isinstance(tensor, UninitializedTensorMixin)


__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "UninitializedTensorMixin",
    "is_lazy",
]
