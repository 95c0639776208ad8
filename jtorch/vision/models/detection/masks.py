"""Masks of regions, put in their places in the image."""

from __future__ import annotations

from jtorch.core.ops.functional import interpolate, pad
from jtorch.core.ops.functions import stack
from jtorch.core.ops.make.create import zeros


def expand_boxes(boxes, scale):
    """Boxes (N, 4), as corners, larger by this factor about their centres."""
    half, centre = (boxes[:, 2:] - boxes[:, :2]) * 0.5 * scale, (boxes[:, 2:] + boxes[:, :2]) * 0.5
    return stack([*(centre - half).unbind(1), *(centre + half).unbind(1)], dim=1)


def expand_masks(mask, padding):
    """Masks (N, 1, M, M) with a border of zeros, and the ratio of the new size to the old."""
    size = mask.shape[-1]
    return pad(mask, (padding,) * 4), float(size + 2 * padding) / size


def paste_mask_in_image(mask, box, im_h, im_w):
    """A mask (M, M) in a box of an image of zeros (im_h, im_w); the box is four integers."""
    left, top, right, bottom = box
    width, height = max(right - left + 1, 1), max(bottom - top + 1, 1)
    mask = interpolate(mask[None, None], size=(height, width), mode="bilinear", align_corners=False)[0, 0]
    image = zeros((im_h, im_w), dtype=mask.dtype, device=mask.device)
    x0, x1, y0, y1 = max(left, 0), min(right + 1, im_w), max(top, 0), min(bottom + 1, im_h)
    image[y0:y1, x0:x1] = mask[y0 - top : y1 - top, x0 - left : x1 - left]
    return image


def paste_masks_in_image(masks, boxes, img_shape, padding=1):
    """Masks (N, 1, M, M) of boxes (N, 4) as (N, 1, *img_shape)."""
    masks, scale = expand_masks(masks, padding=padding)
    height, width = img_shape
    whole = expand_boxes(boxes, scale).long().tolist()
    pasted = [paste_mask_in_image(mask[0], box, height, width) for mask, box in zip(masks, whole, strict=True)]
    return stack(pasted, dim=0)[:, None] if pasted else masks.new_zeros((0, 1, height, width))
