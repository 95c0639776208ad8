"""What the functions of v2 do with images: Tensors (..., C, H, W) and PIL images. v1's functions do the work."""

from __future__ import annotations

import io

import numpy as np
import PIL.Image

from jtorch.core.facts import float32, uint8
from jtorch.core.ops.make.random import randn_like
from jtorch.core.tensor import Tensor, as_tensor, from_numpy
from jtorch.vision.io import decode_jpeg, encode_jpeg
from jtorch.vision.transforms import functional as v1
from jtorch.vision.transforms.functional.colour import float_type, white_of
from jtorch.vision.transforms.functional.geometry import by_coefficients, pair, perspective_coefficients
from jtorch.vision.transforms.functional.picture import interpolation_mode, is_pil, on_pixels, picture_of, pixels
from jtorch.vision.transforms.functional.tone import equalize_channels

MODES = {mode.value: mode for mode in v1.InterpolationMode}


def mode_of(interpolation):
    """The mode itself, or that of a name or of one of pillow's numbers."""
    if isinstance(interpolation, str):
        if interpolation not in MODES:
            raise ValueError(
                f"Invalid interpolation mode: '{interpolation}'. Supported string values are: {list(MODES)}."
            )
        return MODES[interpolation]
    if not isinstance(interpolation, v1.InterpolationMode | int):
        raise ValueError(
            "Argument interpolation should be an `InterpolationMode` or a corresponding Pillow integer constant, "
            f"but got {interpolation}."
        )
    return interpolation_mode(interpolation)


# ---- places


def horizontal_flip_image(image):
    """The picture with left and right exchanged; boxes and keypoints move with it."""
    return v1.hflip(image)


def vertical_flip_image(image):
    """The picture upside down; boxes and keypoints move with it."""
    return v1.vflip(image)


def new_size(canvas_size, size, max_size=None):
    """(height, width) after `resize` with these arguments."""
    rows, columns = canvas_size
    if isinstance(size, int):
        size = [size]
    if max_size is not None and size is not None and len(size) != 1:
        raise ValueError(
            "max_size should only be passed if size is None or specifies the length of the smaller edge, i.e. size "
            "should be an int or a sequence of length 1 in torchscript mode."
        )
    if size is not None and len(size) == 2:
        return tuple(size)
    shorter, longer = sorted((rows, columns))
    if size is None:
        if max_size is None:
            raise ValueError("max_size must be an integer when size is None, but got None instead.")
        new_shorter, new_longer = int(max_size * shorter / longer), max_size
    else:
        new_shorter, new_longer = size[0], int(size[0] * longer / shorter)
        if max_size is not None:
            if max_size <= size[0]:
                raise ValueError(
                    f"max_size = {max_size} must be strictly greater than the requested size for the smaller edge size = {size}"
                )
            if new_longer > max_size:
                new_shorter, new_longer = int(max_size * new_shorter / new_longer), max_size
    return (new_shorter, new_longer) if rows <= columns else (new_longer, new_shorter)


def resize_image(image, size, interpolation="bilinear", max_size=None, antialias=True):
    """The picture resized; masks by the nearest pixel; boxes and keypoints move with it.

    Args:
        size: (height, width); or one number for the shorter side; None: `max_size` is the longer side.
    """
    rows, columns = v1.get_dimensions(image)[1:]
    return v1.resize(image, list(new_size((rows, columns), size, max_size)), mode_of(interpolation), None, antialias)


def resize_mask(mask, size, interpolation="nearest", max_size=None, antialias=None):
    """A mask resized, each pixel the nearest one."""
    exact = mode_of(interpolation) is v1.InterpolationMode.NEAREST_EXACT
    return resize_image(mask, size, "nearest-exact" if exact else "nearest", max_size)


def affine_image(image, angle, translate, scale, shear, interpolation="nearest", fill=None, center=None):
    """The picture turned clockwise, moved, scaled and sheared: see v1's `affine`. Boxes and keypoints move with it."""
    return v1.affine(image, angle, translate, scale, shear, mode_of(interpolation), fill, center)


def affine_mask(mask, angle, translate, scale, shear, interpolation="nearest", fill=None, center=None):
    """A mask moved as the picture is, each pixel the nearest one."""
    return affine_image(mask, angle, translate, scale, shear, "nearest", fill, center)


def rotate_image(image, angle, interpolation="nearest", expand=False, center=None, fill=None):
    """The picture turned counter-clockwise, in degrees: see v1's `rotate`. Boxes and keypoints move with it."""
    quarters, rest = divmod(angle % 360, 90)
    upright = center is None and not rest and not is_pil(image)
    if upright and (quarters in (0, 2) or expand or image.shape[-1] == image.shape[-2]):
        return on_pixels(_quarter_turns, image, quarters=int(quarters))
    return v1.rotate(image, angle if is_pil(image) else angle % 360, mode_of(interpolation), expand, center, fill)


def _quarter_turns(xp, array, quarters):
    return xp.rot90(array, quarters, (-2, -1))


def rotate_mask(mask, angle, interpolation="nearest", expand=False, center=None, fill=None):
    """A mask turned as the picture is, each pixel the nearest one."""
    return rotate_image(mask, angle, "nearest", expand, center, fill)


def four_sides(padding):
    """(left, top, right, bottom) of a padding of 1, 2 or 4 numbers."""
    if isinstance(padding, int):
        return (padding,) * 4
    if not isinstance(padding, tuple | list):
        raise TypeError(f"`padding` should be an integer or tuple or list of integers, but got {padding}")
    if len(padding) not in (1, 2, 4):
        raise ValueError(f"Padding must be an int or a 1, 2, or 4 element tuple or list. Found {len(padding)}")
    return tuple(padding) * (4 // len(padding))


def pad_image(image, padding, fill=None, padding_mode="constant"):
    """The picture with a border: see v1's `pad`. Boxes and keypoints move with it.

    Args:
        fill: one number, or one for each channel; None is 0.
    """
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError(
            "`padding_mode` should be either `'constant'`, `'edge'`, `'reflect'` or `'symmetric'`, "
            f"but got `'{padding_mode}'`."
        )
    sides, fill = list(four_sides(padding)), 0 if fill is None else fill
    if is_pil(image) or isinstance(fill, int | float) or len(fill) == 1:
        return v1.pad(image, sides, fill, padding_mode)
    if padding_mode != "constant":
        raise ValueError(f"Padding mode '{padding_mode}' is not supported if fill is not scalar")
    inside = v1.pad(from_numpy(np.ones(image.shape[-2:], np.uint8)), sides)
    colour = np.asarray(fill, np.float32).reshape(-1, 1, 1)
    return on_pixels(_coloured_outside, v1.pad(image, sides), pixels(inside), colour)


def _coloured_outside(xp, array, inside, colour):
    return xp.where(inside != 0, array, colour.astype(array.dtype))


def pad_mask(mask, padding, fill=None, padding_mode="constant"):
    """A mask with a border."""
    if isinstance(fill, tuple | list):
        raise ValueError("Non-scalar fill value is not supported")
    return pad_image(mask, padding, fill, padding_mode)


def crop_image(image, top, left, height, width):
    """A part of the picture; what lies outside of it is 0. Boxes and keypoints move with it."""
    return v1.crop(image, top, left, height, width)


def center_crop_image(image, output_size):
    """The middle of the picture. Boxes and keypoints move with it."""
    return v1.center_crop(image, list(pair(output_size)))


def resized_crop_image(image, top, left, height, width, size, interpolation="bilinear", antialias=True):
    """A part of the picture, resized. Boxes and keypoints move with it."""
    return resize_image(crop_image(image, top, left, height, width), size, interpolation, antialias=antialias)


def resized_crop_mask(mask, top, left, height, width, size, interpolation="nearest", antialias=None):
    """A part of a mask, resized, each pixel the nearest one."""
    return resize_mask(crop_image(mask, top, left, height, width), size)


def five_crop_image(image, size):
    """The four corners and the middle: see v1's `five_crop`."""
    return v1.five_crop(image, size)


def ten_crop_image(image, size, vertical_flip=False):
    """`five_crop` of the picture and of the picture flipped."""
    return v1.ten_crop(image, size, vertical_flip)


def perspective_map(startpoints, endpoints, coefficients):
    """The eight coefficients of a projective map, given or from the corners."""
    if coefficients is not None:
        if startpoints is not None and endpoints is not None:
            raise ValueError("The startpoints/endpoints and the coefficients shouldn't be defined concurrently.")
        if len(coefficients) != 8:
            raise ValueError("Argument coefficients should have 8 float values")
        return coefficients
    if startpoints is None or endpoints is None:
        raise ValueError("Either the startpoints/endpoints or the coefficients must have non `None` values.")
    return perspective_coefficients(startpoints, endpoints)


def perspective_image(image, startpoints=None, endpoints=None, interpolation="bilinear", fill=None, coefficients=None):
    """The picture in another perspective: see v1's `perspective`. Boxes and keypoints move with it."""
    return by_coefficients(image, perspective_map(startpoints, endpoints, coefficients), mode_of(interpolation), fill)


def perspective_mask(mask, startpoints=None, endpoints=None, interpolation="nearest", fill=None, coefficients=None):
    """A mask moved as the picture is, each pixel the nearest one."""
    return perspective_image(mask, startpoints, endpoints, "nearest", fill, coefficients)


def elastic_image(image, displacement, interpolation="bilinear", fill=None):
    """The picture with each pixel taken from a displaced position: see v1's `elastic_transform`."""
    return v1.elastic_transform(image, displacement, mode_of(interpolation), fill)


def elastic_mask(mask, displacement, interpolation="nearest", fill=None):
    """A mask moved as the picture is, each pixel the nearest one."""
    return elastic_image(mask, displacement, "nearest", fill)


# ---- colours


def rgb_to_grayscale_image(image, num_output_channels=1):
    """The picture in grey, with 1 channel, or with 3 equal ones."""
    if num_output_channels not in (1, 3):
        raise ValueError(f"num_output_channels must be 1 or 3, got {num_output_channels}.")
    if is_pil(image):
        return v1.to_grayscale(image, num_output_channels)
    grey = v1.rgb_to_grayscale(image)
    return on_pixels(_three_channels, grey) if num_output_channels == 3 else grey


def _three_channels(xp, array):
    return xp.repeat(array, 3, axis=-3)


def grayscale_to_rgb_image(image):
    """The picture in three channels, if it has one."""
    if is_pil(image):
        return image.convert(mode="RGB")
    return image if image.shape[-3] >= 3 else rgb_to_grayscale_image(image, 3)


def equalize_image(image):
    """Each channel's values spread so that all shades are about equally frequent."""
    if is_pil(image):
        return v1.equalize(image)
    if image.dtype == uint8:
        return equalize_channels(image)
    return to_dtype_image(equalize_channels(to_dtype_image(image, uint8, True)), image.dtype, True)


def autocontrast_image(image):
    """Each channel stretched so that its least value is black and its greatest white."""
    return v1.autocontrast(image) if is_pil(image) else on_pixels(_stretched_by_division, image)


def _stretched_by_division(xp, array):
    kind, white = float_type(array), white_of(array.dtype)
    low, high = (edge((-2, -1), keepdims=True).astype(kind) for edge in (array.min, array.max))
    flat = low == high
    step = xp.where(flat, 1, (high - low) * kind.type(1.0 / white)).astype(kind)
    low = xp.where(flat, 0, low).astype(kind)
    return xp.clip((array.astype(kind) - low) / step, 0, white).astype(array.dtype)


def posterize_image(image, bits):
    """The picture with only the upper `bits` bits of each value; floats are rounded down to 2**bits steps."""
    if is_pil(image) or image.dtype == uint8:
        return v1.posterize(image, bits)
    return on_pixels(_levels, image, np.float64(1 << bits))


def _levels(xp, array, levels):
    levels = levels.astype(array.dtype)
    return (xp.clip(xp.floor(array * levels), 0, levels - 1) / levels).astype(array.dtype)


def permute_channels_image(image, permutation):
    """The channels of the picture in another order.

    Raises:
        ValueError: not a number for each channel.
    """
    if is_pil(image):
        return v1.to_pil_image(permute_channels_image(v1.pil_to_tensor(image), permutation))
    order = np.asarray(permutation.tolist() if isinstance(permutation, Tensor) else permutation)
    if len(order) != image.shape[-3]:
        raise ValueError(f"Length of permutation does not match number of channels: {len(order)} != {image.shape[-3]}")
    return on_pixels(_reordered, image, order)


def _reordered(xp, array, order):
    return xp.take(array, order, axis=-3)


# ---- numbers


def to_dtype_image(image, dtype=float32, scale=False):
    """The picture in another dtype. With `scale` white stays white: 255 as a byte is 1.0 as a float.

    Raises:
        RuntimeError: a float type that cannot hold the integers of the wanted type.
    """
    if image.dtype == dtype:
        return image
    if not scale:
        return image.to(dtype)
    if image.dtype.is_floating_point or not dtype.is_floating_point:
        try:
            return v1.convert_image_dtype(image, dtype)
        except RuntimeError as error:
            raise RuntimeError(str(error).replace("The cast from", "The conversion from")) from None
    return on_pixels(_scaled, image, to=np.dtype(dtype.np).name)


def _scaled(xp, array, to):
    return array.astype(to) * np.asarray(1.0 / white_of(array.dtype), to)


def to_dtype_only(inpt, dtype=float32, scale=False):
    """Masks, boxes and points in another dtype; nothing is scaled."""
    return inpt.to(dtype)


def normalize_image(image, mean, std, inplace=False):
    """(image - mean) / std, channel by channel.

    Raises:
        TypeError: not a Tensor of floats.
        ValueError: fewer than three dimensions, or a std of zero.
    """
    if not image.is_floating_point():
        raise TypeError(f"Input tensor should be a float tensor. Got {image.dtype}.")
    if image.ndim < 3:
        raise ValueError(f"Expected tensor to be a tensor image of size (..., C, H, W). Got {image.shape}.")
    if (isinstance(std, tuple | list) and not all(std)) or (isinstance(std, int | float) and std == 0):
        raise ValueError("std evaluated to zero, leading to division by zero.")
    return v1.normalize(image, mean, std, inplace)


def gaussian_noise_image(image, mean=0.0, sigma=0.1, clip=True):
    """The picture, of floats or bytes, with normal noise.

    Raises:
        ValueError: another dtype, or a sigma below 0.
    """
    if not image.is_floating_point() and image.dtype != uint8:
        raise ValueError(f"Input tensor is expected to be in uint8 or float dtype, got dtype={image.dtype}")
    if sigma < 0:
        raise ValueError(f"sigma shouldn't be negative. Got {sigma}")
    if image.is_floating_point():
        noisy = image + (mean + randn_like(image) * sigma)
        return noisy.clamp(0, 1) if clip else noisy
    noise = (randn_like(image, dtype=float32) * (sigma * 255) + mean * 255).to(as_tensor(np.int16(0)).dtype)
    noisy = image.to(noise.dtype) + noise
    return (noisy.clamp(0, 255) if clip else noisy).to(uint8)


def erase_image(image, i, j, h, w, v, inplace=False):
    """The picture with the rectangle of h x w pixels at (i, j) set to v."""
    if is_pil(image):
        return v1.to_pil_image(erase_image(v1.pil_to_tensor(image), i, j, h, w, v), mode=image.mode)
    return v1.erase(image, i, j, h, w, v, inplace)


def jpeg_image(image, quality):
    """The picture after JPEG compression of this quality, 1 to 100."""
    if is_pil(image):
        file = io.BytesIO()
        image.save(file, format="JPEG", quality=quality)
        return PIL.Image.open(file).copy()
    flat = pixels(image).reshape(-1, *image.shape[-3:])
    made = [pixels(decode_jpeg(encode_jpeg(from_numpy(np.ascontiguousarray(each)), quality))) for each in flat]
    return picture_of(np.stack(made).reshape(image.shape)) if made else image.clone()


def uniform_temporal_subsample_video(video, num_samples):
    """`num_samples` pictures of a video (..., T, C, H, W), evenly spaced."""
    last = video.shape[-4] - 1
    frames = np.linspace(0, last, num_samples).astype(np.float32).astype(np.int64)
    return on_pixels(_frames_at, video, frames)


def _frames_at(xp, array, frames):
    return xp.take(array, frames, axis=-4)
