"""The kinds of tensors that transforms v2 tell apart.

An op on one gives a plain Tensor; a copy of one keeps its kind.
"""

from __future__ import annotations

from enum import Enum

import numpy as np
import PIL.Image

from jtorch.core.tensor import DISABLED, Tensor, TorchFunctionMode, as_tensor, from_numpy


class TVTensor(Tensor):
    """The base of all kinds.

    Args:
        data: anything that `torch.as_tensor` takes; the memory is shared where possible.
        dtype, device, requires_grad: as for `torch.tensor`; None keeps those of the data.
    """

    about: tuple[str, ...] = ()  # what an object knows besides its elements
    comma = False  # whether the repr of an object that knows nothing ends in one, as torchvision's Image's does
    __torch_function__ = DISABLED

    def __new__(cls, data, *, dtype=None, device=None, requires_grad=None):
        return cls._checked(plain_tensor(data, dtype, device, requires_grad)).as_subclass(cls)

    @classmethod
    def _checked(cls, tensor):
        return tensor

    @classmethod
    def wrap(cls, tensor, like, **kwargs):
        """The tensor as this kind, with what `like` knows."""
        made = tensor.as_subclass(cls)
        for name in cls.about:
            setattr(made, name, kwargs.get(name, getattr(like, name)))
        return made

    def clone(self, *args, **kwargs):
        return wrap(super().clone(*args, **kwargs), like=self)

    def detach(self):
        return wrap(super().detach(), like=self)

    def to(self, *args, **kwargs):
        return wrap(super().to(*args, **kwargs), like=self)

    def __deepcopy__(self, memo):
        made = wrap(self.as_subclass(Tensor).detach().clone(), like=self).requires_grad_(self.requires_grad)
        memo[id(self)] = made
        return made

    def __reduce_ex__(self, protocol):
        known = {name: getattr(self, name) for name in self.about}
        return _restored, (type(self), self.as_subclass(Tensor).detach(), known, self.requires_grad)

    def __repr__(self, *, tensor_contents=None):
        known = [f"{name}={getattr(self, name)}" for name in self.about]
        name = type(self).__name__
        text = repr(self.as_subclass(Tensor)).removeprefix("tensor(").removesuffix(")")
        text = text.replace("\n" + " " * 7, "\n" + " " * (1 + len(name)))  # align with the longer name
        return f"{name}({text}, {', '.join(known)})" if self.about or self.comma else f"{name}({text})"


def _restored(kind, tensor, known, requires_grad):
    made = tensor.as_subclass(kind)
    for name, value in known.items():
        setattr(made, name, value)
    return made.requires_grad_(requires_grad)


def plain_tensor(data, dtype=None, device=None, requires_grad=None):
    """The data as a plain Tensor."""
    if isinstance(data, PIL.Image.Image):
        array = np.array(data)
        data = from_numpy(array[None] if array.ndim == 2 else np.ascontiguousarray(array.transpose(2, 0, 1)))
    wanted = data.requires_grad if requires_grad is None and isinstance(data, Tensor) else bool(requires_grad)
    made = as_tensor(data, dtype=dtype, device=device)
    made = made.as_subclass(Tensor) if isinstance(made, TVTensor) else made
    return made if made.requires_grad == wanted else made.requires_grad_(wanted)


def wrap(wrappee, *, like, **kwargs):
    """The tensor as the kind that `like` is, with what it knows; keywords replace parts of that."""
    return type(like).wrap(wrappee, like, **kwargs)


class Image(TVTensor):
    """An image (..., C, H, W). Two dimensions get a channel; a PIL image is taken too.

    Raises:
        ValueError: fewer than two dimensions.
    """

    comma = True

    @classmethod
    def _checked(cls, tensor):
        if tensor.ndim < 2:
            raise ValueError(f"Tensor must be 2D or higher, got {tensor.ndim}D tensor.")
        return tensor.unsqueeze(0) if tensor.ndim == 2 else tensor


class Video(TVTensor):
    """A video (..., T, C, H, W).

    Raises:
        ValueError: fewer than four dimensions.
    """

    comma = True

    @classmethod
    def _checked(cls, tensor):
        if tensor.ndim < 4:
            raise ValueError(f"Tensor must be 4D or higher, got {tensor.ndim}D tensor.")
        return tensor


class Mask(TVTensor):
    """Masks of a detection (N, H, W), or of a segmentation (..., H, W)."""


class BoundingBoxFormat(Enum):
    """What the numbers of a box are. X and Y are a corner, CX and CY the middle, R is an angle in degrees."""

    XYXY = "XYXY"
    XYWH = "XYWH"
    CXCYWH = "CXCYWH"
    XYWHR = "XYWHR"
    CXCYWHR = "CXCYWHR"
    XYXYXYXY = "XYXYXYXY"


_ROTATED = ("XYWHR", "CXCYWHR", "XYXYXYXY")


def is_rotated_bounding_format(format):
    """Whether boxes of this format may be turned."""
    if not isinstance(format, BoundingBoxFormat | str):
        raise ValueError(f"format should be str or BoundingBoxFormat, got {type(format)}")
    return (format if isinstance(format, str) else format.value) in _ROTATED


class BoundingBoxes(TVTensor):
    """Boxes (N, 4), or (N, 5) and (N, 8) for turned ones.

    Args:
        format: what the numbers are.
        canvas_size: (height, width) of the picture.
        clamping_mode: how boxes that reach out of the picture are clamped: "soft", "hard", or None.

    Raises:
        ValueError: not one or two dimensions, another mode, or integers for rotated boxes.
    """

    about = ("format", "canvas_size", "clamping_mode")

    def __new__(
        cls,
        data,
        *,
        format,
        canvas_size,
        clamping_mode="soft",
        dtype=None,
        device=None,
        requires_grad=None,
    ):
        tensor = plain_tensor(data, dtype, device, requires_grad)
        if not tensor.is_floating_point() and is_rotated_bounding_format(format):
            raise ValueError(f"Rotated bounding boxes should be floating point tensors, got {tensor.dtype}.")
        if tensor.ndim not in (1, 2):
            raise ValueError(f"Expected a 1D or 2D tensor, got {tensor.ndim}D")
        if clamping_mode is not None and clamping_mode not in ("hard", "soft"):
            raise ValueError(f"clamping_mode must be None, hard or soft, got {clamping_mode}.")
        made = (tensor.unsqueeze(0) if tensor.ndim == 1 else tensor).as_subclass(cls)
        made.format = BoundingBoxFormat[format.upper()] if isinstance(format, str) else format
        made.canvas_size, made.clamping_mode = canvas_size, clamping_mode
        return made


class KeyPoints(TVTensor):
    """Points (..., 2): x and y.

    Args:
        canvas_size: (height, width) of the picture.

    Raises:
        ValueError: the last dimension is not 2.
    """

    about = ("canvas_size",)

    def __new__(cls, data, *, canvas_size, dtype=None, device=None, requires_grad=None):
        tensor = plain_tensor(data, dtype, device, requires_grad)
        if tensor.ndim > 1 and tensor.shape[-1] != 2:
            raise ValueError(f"Expected a tensor of shape (..., 2), not {tensor.shape}")
        made = (tensor.unsqueeze(0) if tensor.ndim == 1 else tensor).as_subclass(cls)
        made.canvas_size = canvas_size
        return made


class _KeepingKind(TorchFunctionMode):
    """While it is on, ops on a kind give that kind."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        like = next((a for a in args if isinstance(a, TVTensor)), None)
        if like is None or not isinstance(made, Tensor) or isinstance(made, TVTensor):
            return made
        return wrap(made, like=like)


_mode: list[_KeepingKind] = []


class set_return_type:
    """What ops on a kind give: "Tensor", the default, or "TVTensor", the kind. At once, or in a `with` block.

    Raises:
        ValueError: an unknown word.
    """

    def __init__(self, return_type: str):
        if return_type.lower() not in ("tensor", "tvtensor"):
            raise ValueError(f"return_type must be 'TVTensor' or 'Tensor', got {return_type}")
        self.before = bool(_mode)
        _switch_to(return_type.lower() == "tvtensor")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        _switch_to(self.before)


def _switch_to(on):
    if on and not _mode:
        _mode.append(_KeepingKind().__enter__())
    elif not on and _mode:
        _mode.pop().__exit__()
