"""What the operators share: dtypes to compute in, boxes as regions of a batch, reductions of losses."""

from __future__ import annotations

from jtorch import nn
from jtorch.core.facts import dtypes
from jtorch.core.methods import _assert
from jtorch.core.ops.functions import cat, full_like
from jtorch.core.tensor import Tensor


def upcast(t):
    """The tensor in at least float32 or int32, so that products of coordinates do not overflow."""
    if t.is_floating_point():
        return t if t.dtype in (dtypes.float32, dtypes.float64) else t.float()
    return t if t.dtype in (dtypes.int32, dtypes.int64) else t.int()


def both_sides(value):
    """A pair, from one number or two."""
    return (value, value) if isinstance(value, int) else tuple(value)


def regions_of(boxes):
    """Boxes as regions (K, 5): the number of the image in the batch, and two corners.

    Args:
        boxes: such a tensor, or a list with the boxes (L, 4) of each image.

    Raises:
        AssertionError: another shape or type.
    """
    if isinstance(boxes, list | tuple):
        for each in boxes:
            _assert(each.size(1) == 4, "The shape of the tensor in the boxes list is not correct as List[Tensor[L, 4]]")
        return convert_boxes_to_roi_format(list(boxes))
    _assert(isinstance(boxes, Tensor), "boxes is expected to be a Tensor[L, 5] or a List[Tensor[K, 4]]")
    _assert(boxes.size(1) == 5, "The boxes tensor shape is not correct as Tensor[K, 5]")
    return boxes


def convert_boxes_to_roi_format(boxes):
    """A list with the boxes (L, 4) of each image as regions (K, 5)."""
    numbers = cat([full_like(each[:, :1], i) for i, each in enumerate(boxes)], dim=0)
    return cat([numbers, cat(boxes, dim=0)], dim=1)


def by_reduction(loss, reduction):
    """The losses, their mean or their sum. The mean of no losses is 0. Raises ValueError for an unknown reduction."""
    if reduction == "none":
        return loss
    if reduction == "mean":
        return loss.mean() if loss.numel() > 0 else 0.0 * loss.sum()
    if reduction == "sum":
        return loss.sum()
    raise ValueError(
        f"Invalid Value for arg 'reduction': '{reduction} \n Supported reduction modes: 'none', 'mean', 'sum'"
    )


def split_normalization_params(model, norm_classes=None):
    """The parameters that need a gradient, in two lists: those of normalisation layers and the others.

    Raises:
        ValueError: one of the classes is not a Module.
    """
    kinds = norm_classes or [
        nn.modules.batchnorm._BatchNorm,
        nn.LayerNorm,
        nn.GroupNorm,
        nn.modules.instancenorm._InstanceNorm,
        nn.LocalResponseNorm,
    ]
    for kind in kinds:
        if not issubclass(kind, nn.Module):
            raise ValueError(f"Class {kind} is not a subclass of nn.Module.")
    norms, others = [], []
    for module in model.modules():
        is_leaf = next(module.children(), None) is None
        found = norms if is_leaf and isinstance(module, tuple(kinds)) else others
        found += [p for p in module.parameters(recurse=is_leaf) if p.requires_grad]
    return norms, others
