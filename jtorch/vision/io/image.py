"""Encoded images as uint8 tensors (C, H, W), and tensors as encoded images. Runs on the host, with pillow."""

from __future__ import annotations

import io
import zlib
from enum import Enum

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from jtorch.core.facts import uint8
from jtorch.core.tensor import Tensor, from_numpy
from jtorch.serialization.replacing import replacement_of

from .png import brightness, deep_png


class ImageReadMode(Enum):
    """What the channels of a decoded image are. The functions also take the names as strings, such as "RGB"."""

    UNCHANGED = 0
    GRAY = 1
    GRAY_ALPHA = 2
    RGB = 3
    RGB_ALPHA = 4
    RGBA = RGB_ALPHA


_PIL_MODES = {
    ImageReadMode.GRAY: "L",
    ImageReadMode.GRAY_ALPHA: "LA",
    ImageReadMode.RGB: "RGB",
    ImageReadMode.RGB_ALPHA: "RGBA",
}
_UNCHANGED = {"1": "L", "P": "RGB", "PA": "RGBA", "I": "I", "I;16": "I;16", "F": "L"}  # modes to convert first
_UNKNOWN = (
    "Unsupported image file. Only jpeg, png, webp and gif are currently supported. For avif and heic format, please rely on "
    "`decode_avif` and `decode_heic` directly."
)
_DAMAGED = {
    "JPEG": "Image is incomplete or truncated",
    "PNG": "Out of bound read in decode_png. Probably, the input image is corrupted",
}


def _mode(mode):
    return ImageReadMode[mode.upper()] if isinstance(mode, str) else mode


def read_file(path) -> Tensor:
    """The bytes of a file as a uint8 tensor (N,).

    Raises:
        RuntimeError: the file cannot be read, or is empty.
    """
    try:
        with open(path, "rb") as file:
            data = bytearray(file.read())
    except OSError as error:
        raise RuntimeError(f"[Errno {error.errno}] {error.strerror}: '{path}'") from error
    if not data:
        raise RuntimeError(f"Expected a non empty file: '{path}'")
    return from_numpy(np.frombuffer(data, np.uint8))


def write_file(filename, data: Tensor) -> None:
    """Write a uint8 tensor (N,) to a file. The file appears under its name when it is complete.

    Raises:
        RuntimeError: not such a tensor, or the file cannot be written.
    """
    if data.dtype != uint8:
        raise RuntimeError("Input tensor dtype should be uint8")
    if data.ndim != 1:
        raise RuntimeError("Input data should be a 1-dimensional tensor")
    array = data.detach().cpu().numpy()
    try:
        with replacement_of(str(filename)) as file:
            file.write(array.tobytes())
    except OSError as error:
        raise RuntimeError(f"Error opening output file '{filename}': {error.strerror}") from error


def _bytes_of(data):
    """The bytes that a tensor (N,) holds."""
    if not isinstance(data, Tensor):
        raise TypeError(f"Expected a tensor of encoded bytes, got {type(data)}")
    if data.dtype != uint8:
        raise RuntimeError("Expected a torch.uint8 tensor")
    if data.ndim != 1 or not len(data):
        raise RuntimeError("Expected a non empty 1-dimensional tensor")
    return data.numpy().tobytes()


def decode_image(input, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False) -> Tensor:
    """An image of any format that pillow knows, as a tensor (C, H, W); a GIF with several pictures as (N, C, H, W).

    Args:
        input: the encoded bytes, a uint8 tensor (N,), or a path.
        mode: the channels of the result.
        apply_exif_orientation: turn the picture as its Exif data says.

    Raises:
        RuntimeError: the bytes are no image, or the image is damaged or cut off.

    Differs from torch:
        No warning says that these functions are deprecated. A PNG image with a palette gives its colours also with
        UNCHANGED, where torchvision gives its packed bits. Other formats than JPEG, PNG, GIF and WebP are read too.
    """
    where = "" if isinstance(input, Tensor) else f": '{input}'"
    data = _bytes_of(input if isinstance(input, Tensor) else read_file(str(input)))
    return _decoded(data, _mode(mode), apply_exif_orientation, where=where)


def read_image(path, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False) -> Tensor:
    """The image in a file as a tensor (C, H, W). See :func:`decode_image`."""
    return decode_image(str(path), mode, apply_exif_orientation)


def decode_jpeg(input, mode=ImageReadMode.UNCHANGED, device="cpu", apply_exif_orientation=False):
    """A JPEG image, or a list of them, as tensors (C, H, W) on a device. See :func:`decode_image`.

    Raises:
        ValueError: an empty list, or not tensors on the CPU.
        RuntimeError: the bytes are no JPEG image, or it is damaged.
    """
    if isinstance(input, list):
        if not input:
            raise ValueError("Input list must contain at least one element")
        if not all(isinstance(each, Tensor) for each in input):
            raise ValueError("All elements of the input list must be tensors.")
        if not all(each.is_cpu for each in input):
            raise ValueError("Input list must contain tensors on CPU.")
        return [decode_jpeg(each, mode, device, apply_exif_orientation) for each in input]
    if not input.is_cpu:
        raise ValueError("Input tensor must be a CPU tensor")
    return _decoded(_bytes_of(input), _mode(mode), apply_exif_orientation, "JPEG").to(device)


def decode_png(input, mode=ImageReadMode.UNCHANGED, apply_exif_orientation=False) -> Tensor:
    """A PNG image as a tensor (C, H, W), uint16 if it has 16 bits a channel. See :func:`decode_image`."""
    return _decoded(_bytes_of(input), _mode(mode), apply_exif_orientation, "PNG")


def decode_gif(input) -> Tensor:
    """A GIF image as a tensor (3, H, W), or (N, 3, H, W) if it has N > 1 pictures. See :func:`decode_image`."""
    return _decoded(_bytes_of(input), ImageReadMode.RGB, False, "GIF")


def decode_webp(input, mode=ImageReadMode.UNCHANGED) -> Tensor:
    """A WebP image as a tensor (C, H, W). See :func:`decode_image`."""
    return _decoded(_bytes_of(input), _mode(mode), False, "WEBP")


def decode_avif(input, mode=ImageReadMode.UNCHANGED) -> Tensor:
    """An AVIF image as a tensor (C, H, W), where pillow was built with AVIF. See :func:`decode_image`."""
    return _decoded(_bytes_of(input), _mode(mode), False, "AVIF")


def decode_heic(input, mode=ImageReadMode.UNCHANGED) -> Tensor:
    """A HEIC image as a tensor (C, H, W), where a pillow plug-in reads HEIC. See :func:`decode_image`."""
    return _decoded(_bytes_of(input), _mode(mode), False, "HEIF")


def _decoded(data, mode, turned, format=None, where=""):
    try:
        deep = deep_png(data) if format in (None, "PNG") else None
        if deep is not None:
            return from_numpy(np.ascontiguousarray(deep(mode.name)))
        with Image.open(io.BytesIO(data), formats=None if format is None else [format]) as image:
            if image.format == "GIF":
                array = _frames(image)
            else:
                array = _channels_first(_in_mode(image, mode, turned))
    except UnidentifiedImageError as error:
        raise RuntimeError(_unidentified(data, format) + where) from error
    except (OSError, SyntaxError, ValueError, KeyError, EOFError, zlib.error, Image.DecompressionBombError) as error:
        kind = format or _kind_of(data)
        raise RuntimeError(_DAMAGED.get(kind, f"The {kind or 'image'} cannot be decoded: {error}") + where) from error
    return from_numpy(np.array(array, order="C"))


def _kind_of(data):
    """ "JPEG" or "PNG", by the first bytes; None for other formats."""
    return next((kind for kind, start in _STARTS.items() if data.startswith(start)), None)


_STARTS = {"JPEG": b"\xff\xd8\xff", "PNG": b"\x89PNG\r\n\x1a\n"}


def _unidentified(data, format):
    """The error text for bytes that pillow does not recognize: torchvision's where it has one."""
    if format == "PNG" or (format is None and _kind_of(data) == "PNG"):
        return "Content is not png!" if _kind_of(data) != "PNG" else _DAMAGED["PNG"]
    if format == "JPEG" or (format is None and _kind_of(data) == "JPEG"):
        if _kind_of(data) == "JPEG":
            return _DAMAGED["JPEG"]
        return "Not a JPEG file: starts with " + " ".join(f"0x{byte:02x}" for byte in data[:2])
    return _UNKNOWN if format is None else f"The bytes are no {format} image"


def _in_mode(image, mode, turned):
    wanted = _PIL_MODES.get(mode)
    if wanted == "L" and image.format == "JPEG":
        image.draft("L", image.size)  # the grey values that the file stores, not computed from RGB
    image.load()
    if turned:
        image = ImageOps.exif_transpose(image)
    if wanted is None:
        wanted = _UNCHANGED.get(image.mode, image.mode)
        if image.mode == "P" and "transparency" in image.info:
            wanted = "RGBA"
    if wanted in ("L", "LA") and image.format == "PNG" and image.mode not in ("1", "L", "LA", "I", "I;16"):
        return _grey_png(image, wanted)
    return image if image.mode == wanted else image.convert(wanted)


def _grey_png(image, wanted):
    image = image.convert("RGBA")
    grey = Image.fromarray(brightness(np.asarray(image).transpose(2, 0, 1)[:3]))
    return grey if wanted == "L" else Image.merge("LA", [grey, image.getchannel("A")])


def _channels_first(image):
    array = np.asarray(image)
    array = array.astype(np.uint16) if image.mode in ("I", "I;16") else array
    return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)


def _frames(image):
    frames = []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        frames.append(_channels_first(image.convert("RGB")))
    return frames[0] if len(frames) == 1 else np.stack(frames)


def encode_jpeg(input, quality=75):
    """Pictures as JPEG images: uint8 tensors (N,).

    Args:
        input: a uint8 tensor (C, H, W) of 1 or 3 channels, or a list of them.
        quality: 1 to 100.

    Raises:
        ValueError: a quality out of range, or an empty list.
        RuntimeError: not such a tensor.
    """
    if quality < 1 or quality > 100:
        raise ValueError("Image quality should be a positive number between 1 and 100")
    if isinstance(input, list):
        if not input:
            raise ValueError("encode_jpeg requires at least one input tensor when a list is passed")
        return [encode_jpeg(each, quality) for each in input]
    return _encoded(input, "JPEG", quality=int(quality))


def encode_png(input, compression_level=6) -> Tensor:
    """A picture as a PNG image: a uint8 tensor (N,).

    Args:
        input: a uint8 tensor (C, H, W) of 1 or 3 channels.
        compression_level: 0, the fastest, to 9, the smallest.

    Raises:
        RuntimeError: not such a tensor, or a level out of range.
    """
    if compression_level < 0 or compression_level > 9:
        raise RuntimeError("Compression level should be between 0 and 9")
    return _encoded(input, "PNG", compress_level=int(compression_level))


def _encoded(picture, format, **options):
    if not isinstance(picture, Tensor):
        raise TypeError(f"Expected a picture as a tensor, got {type(picture)}")
    if picture.dtype != uint8:
        raise RuntimeError("Input tensor dtype should be uint8")
    if picture.ndim != 3:
        raise RuntimeError("Input data should be a 3-dimensional tensor")
    array = picture.numpy()
    channels = array.shape[0]
    if channels not in (1, 3):
        raise RuntimeError(f"The number of channels should be 1 or 3, got: {channels}")
    file = io.BytesIO()
    image = Image.fromarray(array[0] if channels == 1 else np.ascontiguousarray(array.transpose(1, 2, 0)))
    image.save(file, format, **options)
    return from_numpy(np.frombuffer(bytearray(file.getvalue()), np.uint8))


def write_jpeg(input, filename, quality=75) -> None:
    """Write a picture as a JPEG file. See :func:`encode_jpeg`."""
    write_file(filename, encode_jpeg(input, quality))


def write_png(input, filename, compression_level=6) -> None:
    """Write a picture as a PNG file. See :func:`encode_png`."""
    write_file(filename, encode_png(input, compression_level))
