"""How a function of v2 chooses the kernel for an image, a video, a mask, boxes or keypoints: by class."""

from __future__ import annotations

import functools
import inspect

import numpy as np
import PIL.Image

from jtorch.core.tensor import Tensor, from_numpy
from jtorch.vision.tv_tensors import BoundingBoxes, Image, KeyPoints, Mask, TVTensor, Video, wrap

KERNELS: dict = {}  # function -> class of the input -> what it does
_BUILTIN = (Image, Video, Mask, BoundingBoxes, KeyPoints, TVTensor)


def is_pure_tensor(inpt) -> bool:
    """Whether it is a Tensor and no TVTensor."""
    return isinstance(inpt, Tensor) and not isinstance(inpt, TVTensor)


def dispatching(name, *, image=None, mask=None, boxes=None, points=None, pil=True, video=True):
    """The function of this name.

    Args:
        image: (Tensor or PIL image, ...) -> the same, for images; and for videos and PIL images unless said otherwise.
        mask: the same for masks.
        boxes: (BoundingBoxes, ...) -> (array of corners or as `image`, canvas size): see `boxes`.
        points: the same for keypoints.
    """
    plain = inspect.signature(image)

    def function(inpt, *args, **kwargs):
        return kernel_of(function, type(inpt))(inpt, *args, **kwargs)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = inspect.getdoc(image)
    function.__signature__ = plain
    kernels = KERNELS[function] = {Tensor: image, Image: _kept(image)}
    if pil:
        kernels[PIL.Image.Image] = image
    if video:
        kernels[Video] = _kept(image)
    if mask is not None:
        kernels[Mask] = _kept(mask)
    if boxes is not None:
        kernels[BoundingBoxes] = _of_arrays(boxes, ("format", "canvas_size", "clamping_mode"))
    if points is not None:
        kernels[KeyPoints] = _of_arrays(points, ("canvas_size",))
    return function


def _kept(kernel):
    """The kernel on the plain Tensor; its results get the class of its input."""

    @functools.wraps(kernel)
    def keeping(inpt, *args, **kwargs):
        made = kernel(inpt.as_subclass(Tensor), *args, **kwargs)
        if isinstance(made, tuple):
            return tuple(wrap(part, like=inpt) for part in made)
        return wrap(made, like=inpt) if isinstance(made, Tensor) else made

    return keeping


def _of_arrays(kernel, known):
    """A kernel (array, attributes, ...) -> (array, canvas size) as one of objects; it ignores unknown keywords."""
    takes = set(inspect.signature(kernel).parameters)

    @functools.wraps(kernel)
    def on_object(inpt, *args, **kwargs):
        # Arguments that only images need (interpolation, fill, ...) mean nothing for boxes and points.
        kwargs = {name: value for name, value in kwargs.items() if name in takes}
        about = [getattr(inpt, name) for name in known]
        array, size = kernel(inpt.detach().cpu().numpy(), *about, *args, **kwargs)
        made = from_numpy(np.ascontiguousarray(array)).to(inpt.device)
        return wrap(made, like=inpt, canvas_size=tuple(size))

    return on_object


def kernel_of(function, kind, passing=False):
    """The kernel of the function for a class of inputs. With `passing`, inputs of an unknown class stay as they are.

    Raises:
        TypeError: there is no kernel for the class.
    """
    known = KERNELS.get(function)
    if not known:
        raise ValueError(f"No kernel registered for functional {function.__name__}.")
    for cls in kind.__mro__:
        if cls in known:
            return known[cls]
        if cls is TVTensor:
            break
    if passing:
        return lambda inpt, *args, **kwargs: inpt
    raise TypeError(f"Functional F.{function.__name__} supports inputs of type {known.keys()}, but got {kind} instead.")


def register_kernel(functional, tv_tensor_cls):
    """A decorator that registers a kernel: what a function does with a user's class.

    Raises:
        ValueError: not a function of v2, or not a new subclass of TVTensor.
    """
    if isinstance(functional, str):
        found = next((made for made in KERNELS if made.__name__ == functional), None)
        if found is None:
            raise ValueError(
                f"Could not find functional with name '{functional}' in torchvision.transforms.v2.functional."
            )
        functional = found
    if functional not in KERNELS:
        raise ValueError(
            "Kernels can only be registered on functionals from the torchvision.transforms.v2.functional namespace, "
            f"but got {functional}."
        )
    if not (isinstance(tv_tensor_cls, type) and issubclass(tv_tensor_cls, TVTensor)):
        raise ValueError(
            f"Kernels can only be registered for subclasses of torchvision.tv_tensors.TVTensor, but got {tv_tensor_cls}."
        )
    if tv_tensor_cls in _BUILTIN:
        raise ValueError(f"Kernels cannot be registered for the builtin tv_tensor classes, but got {tv_tensor_cls}")
    if tv_tensor_cls in KERNELS[functional]:
        raise ValueError(f"Functional {functional} already has a kernel registered for type {tv_tensor_cls}.")

    def register(kernel):
        KERNELS[functional][tv_tensor_cls] = kernel
        return kernel

    return register
