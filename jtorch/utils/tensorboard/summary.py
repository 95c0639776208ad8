"""What is written, as TensorBoard's messages: one function for each kind. Arrays are NumPy's here."""

from __future__ import annotations

import io
import json
import wave

import numpy as np
from google.protobuf import struct_pb2
from PIL import Image, ImageDraw, ImageFont
from tensorboard.compat.proto.summary_pb2 import HistogramProto, Summary, SummaryMetadata
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.tensor_shape_pb2 import TensorShapeProto
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2
from tensorboard.plugins.hparams import metadata as hparams_metadata
from tensorboard.plugins.mesh import metadata as mesh_metadata
from tensorboard.plugins.mesh.plugin_data_pb2 import MeshPluginData
from tensorboard.plugins.pr_curve.plugin_data_pb2 import PrCurvePluginData
from tensorboard.plugins.text.plugin_data_pb2 import TextPluginData
from tensorboard.util.tensor_util import make_tensor_proto

from jtorch.utils.tensorboard._convert_np import make_np
from jtorch.utils.tensorboard._utils import convert_to_HWC

__all__ = [
    "audio",
    "custom_scalars",
    "histogram",
    "histogram_raw",
    "hparams",
    "image",
    "image_boxes",
    "mesh",
    "pr_curve",
    "pr_curve_raw",
    "scalar",
    "tensor_proto",
    "text",
    "video",
]
MOST_THRESHOLDS = 127  # TensorBoard shows no more


def _of_plugin(tag, plugin, content, **value):
    data = SummaryMetadata.PluginData(plugin_name=plugin, content=content)
    return Summary.Value(tag=tag, metadata=SummaryMetadata(plugin_data=data), **value)


def _of_sizes(*sizes):
    return TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in sizes])


def scalar(name: str, tensor, new_style: bool = False, double_precision: bool = False) -> Summary:
    """One number.

    Raises:
        AssertionError: more than one element.
    """
    array = make_np(tensor).squeeze()
    if array.ndim:
        raise AssertionError(
            f"Tensor should contain one element (0 dimensions).             Was given size: {array.size} and {array.ndim} dimensions."
        )
    if not new_style:
        return Summary(value=[Summary.Value(tag=name, simple_value=float(array))])
    proto = (
        {"dtype": "DT_DOUBLE", "double_val": [float(array)]}
        if double_precision
        else {
            "dtype": "DT_FLOAT",
            "float_val": [float(array)],
        }
    )
    return Summary(value=[_of_plugin(name, "scalars", b"", tensor=TensorProto(**proto))])


def tensor_proto(tag: str, tensor) -> Summary:
    """A tensor as it is.

    Raises:
        ValueError: more than 2 GiB.
    """
    if tensor.numel() * tensor.itemsize >= 1 << 31:
        raise ValueError("tensor is bigger than protocol buffer's hard limit of 2GB in size")
    return Summary(value=[_of_plugin(tag, "tensor", b"", tensor=make_tensor_proto(make_np(tensor)))])


def histogram(name: str, values, bins, max_bins: int | None = None) -> Summary:
    """How many values lie between which limits; from one limit before the first that holds a value to the last.

    Raises:
        ValueError: no values.
    """
    values = make_np(values).astype(float).reshape(-1)
    if not values.size:
        raise ValueError("The input has no element.")
    counts, limits = np.histogram(values, bins=bins)
    if max_bins is not None and len(counts) > max_bins:
        each = len(counts) // max_bins
        counts = np.pad(counts, (0, -len(counts) % each)).reshape(-1, each).sum(1)
        limits = np.append(limits[:-1:each], limits[-1])
    first, last = np.flatnonzero(counts)[[0, -1]]
    # TensorBoard reads right limits only: the empty bin before tells where the first begins.
    numbers = np.concatenate([[0], counts[first : last + 1]])
    return histogram_raw(
        name, values.min(), values.max(), len(values), values.sum(), values @ values, limits[first : last + 2], numbers
    )


def histogram_raw(name: str, min, max, num, sum, sum_squares, bucket_limits, bucket_counts) -> Summary:
    """A histogram that is already counted; each limit is the right one of its count."""
    told = HistogramProto(
        min=min,
        max=max,
        num=num,
        sum=sum,
        sum_squares=sum_squares,
        bucket_limit=[float(x) for x in bucket_limits],
        bucket=[float(x) for x in bucket_counts],
    )
    return Summary(value=[Summary.Value(tag=name, histo=told)])


def _as_bytes(array):
    """Numbers from 0 to 1, or bytes, as bytes."""
    return array if array.dtype == np.uint8 else (array.astype(np.float32) * 255).clip(0, 255).astype(np.uint8)


def image(tag: str, tensor, rescale: float = 1, dataformats: str = "NCHW") -> Summary:
    """A picture, or several side by side."""
    pixels = _as_bytes(convert_to_HWC(make_np(tensor), dataformats))
    return Summary(value=[Summary.Value(tag=tag, image=_as_png(Image.fromarray(pixels), rescale))])


def _as_png(picture, rescale=1, channels=3):
    size = (int(picture.width * rescale), int(picture.height * rescale))
    file = io.BytesIO()
    picture.resize(size, Image.Resampling.LANCZOS).save(file, "PNG")
    return Summary.Image(
        height=picture.height, width=picture.width, colorspace=channels, encoded_image_string=file.getvalue()
    )


def image_boxes(
    tag: str, tensor_image, tensor_boxes, rescale: float = 1, dataformats: str = "CHW", labels=None
) -> Summary:
    """A picture with boxes (left, top, right, bottom) drawn in it, and their labels."""
    picture = Image.fromarray(_as_bytes(convert_to_HWC(make_np(tensor_image), dataformats)))
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default()
    for i, (left, top, right, bottom) in enumerate(make_np(tensor_boxes)):
        draw.line([(left, top), (left, bottom), (right, bottom), (right, top), (left, top)], fill="Red", width=2)
        if labels is not None:
            x1, y1, x2, y2 = font.getbbox(labels[i])
            margin = np.ceil(0.05 * (y2 - y1))
            start = bottom - (y2 - y1) - 2 * margin
            draw.rectangle([(left, start), (left + x2 - x1, bottom)], fill="Red")
            draw.text((left + margin, start + margin), labels[i], fill="black", font=font)
    return Summary(value=[Summary.Value(tag=tag, image=_as_png(picture, rescale))])


def video(tag: str, tensor, fps: float = 4) -> Summary:
    """Films [n, frames, channels, height, width] side by side, as one animated GIF. Pillow writes it.

    Differs from torch: needs no moviepy.
    """
    films = _as_bytes(make_np(tensor))
    count, frames, channels, height, width = films.shape
    columns = int(np.ceil(count / (rows := 2 ** ((count.bit_length() - 1) // 2))))
    places = np.zeros((rows * columns, *films.shape[1:]), np.uint8)
    places[:count] = films
    places = places.reshape(rows, columns, frames, channels, height, width).transpose(2, 0, 4, 1, 5, 3)
    places = places.reshape(frames, rows * height, columns * width, channels)
    pictures = [Image.fromarray(frame[..., 0] if channels == 1 else frame) for frame in places]
    file = io.BytesIO()
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], duration=1000 / fps, loop=0)
    told = Summary.Image(
        height=rows * height, width=columns * width, colorspace=channels, encoded_image_string=file.getvalue()
    )
    return Summary(value=[Summary.Value(tag=tag, image=told)])


def audio(tag: str, tensor, sample_rate: int = 44100) -> Summary:
    """A sound of one channel, with values from -1 to 1, as a WAV file."""
    array = make_np(tensor).squeeze()
    if abs(array).max() > 1:
        print("warning: audio amplitude out of range, auto clipped.")
        array = array.clip(-1, 1)
    if array.ndim != 1:
        raise AssertionError("input tensor should be 1 dimensional.")
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(sample_rate)
        sound.writeframes((array * np.iinfo(np.int16).max).astype("<i2").tobytes())
    told = Summary.Audio(
        sample_rate=sample_rate,
        num_channels=1,
        length_frames=len(array),
        encoded_audio_string=file.getvalue(),
        content_type="audio/wav",
    )
    return Summary(value=[Summary.Value(tag=tag, audio=told)])


def text(tag: str, text: str) -> Summary:
    """Markdown."""
    told = TensorProto(dtype="DT_STRING", string_val=[text.encode()], tensor_shape=_of_sizes(1))
    content = TextPluginData(version=0).SerializeToString()
    return Summary(value=[_of_plugin(f"{tag}/text_summary", "text", content, tensor=told)])


def pr_curve(tag: str, labels, predictions, num_thresholds: int = 127, weights=None) -> Summary:
    """Precision against recall: the answers that are right and wrong above each of some thresholds from 0 to 1."""
    count = min(num_thresholds, MOST_THRESHOLDS)
    weights = 1.0 if weights is None else weights
    places = np.floor(predictions * (count - 1)).astype(np.int32)
    labels = labels.astype(np.float64)

    def above(amounts):
        found, _ = np.histogram(places, bins=count, range=(0, count - 1), weights=amounts * weights)
        return found[::-1].cumsum()[::-1]

    yes, no = above(labels), above(1 - labels)
    precision = yes / np.maximum(1e-7, yes + no)
    recall = yes / np.maximum(1e-7, yes[0])
    return pr_curve_raw(tag, yes, no, no[0] - no, yes[0] - yes, precision, recall, count)


def pr_curve_raw(tag: str, tp, fp, tn, fn, precision, recall, num_thresholds: int = 127, weights=None) -> Summary:
    """Such a curve, already counted."""
    data = np.stack([make_np(x) for x in (tp, fp, tn, fn, precision, recall)])
    told = TensorProto(dtype="DT_FLOAT", float_val=data.reshape(-1).tolist(), tensor_shape=_of_sizes(*data.shape))
    content = PrCurvePluginData(version=0, num_thresholds=min(num_thresholds, MOST_THRESHOLDS)).SerializeToString()
    return Summary(value=[_of_plugin(tag, "pr_curves", content, tensor=told)])


def custom_scalars(layout: dict) -> Summary:
    """How charts of scalars are put together: {category: {title: ["Multiline" or "Margin", tags]}}."""
    categories = []
    for category, charts in layout.items():
        made = []
        for title, (kind, tags) in charts.items():
            if kind == "Margin":
                if len(tags) != 3:
                    raise AssertionError("len(tags) != 3")
                series = layout_pb2.MarginChartContent.Series(value=tags[0], lower=tags[1], upper=tags[2])
                made.append(layout_pb2.Chart(title=title, margin=layout_pb2.MarginChartContent(series=[series])))
            else:
                made.append(layout_pb2.Chart(title=title, multiline=layout_pb2.MultilineChartContent(tag=tags)))
        categories.append(layout_pb2.Category(title=category, chart=made))
    content = layout_pb2.Layout(category=categories).SerializeToString()
    told = TensorProto(dtype="DT_STRING", string_val=[content], tensor_shape=TensorShapeProto())
    return Summary(value=[_of_plugin("custom_scalars__config__", "custom_scalars", b"", tensor=told)])


_KINDS = ((int | float, "DATA_TYPE_FLOAT64", "number_value"), (str, "DATA_TYPE_STRING", "string_value"))


def hparams(hparam_dict: dict, metric_dict: dict, hparam_domain_discrete: dict | None = None) -> tuple[Summary, ...]:
    """The settings of a run and the names of its results: what there may be, the start, the end.

    Raises:
        TypeError: no dictionaries, or choices of another type than the setting.
        ValueError: a setting that is not a number, text, bool or tensor.
    """
    choices = hparam_domain_discrete or {}
    for what, name in ((hparam_dict, "hparam_dict"), (metric_dict, "metric_dict"), (choices, "hparam_domain_discrete")):
        if not isinstance(what, dict):
            raise TypeError(f"parameter: {name} should be a dictionary, nothing logged.")
    for key, known in choices.items():
        given = hparam_dict.get(key)
        if key not in hparam_dict or not isinstance(known, list) or not all(isinstance(x, type(given)) for x in known):
            raise TypeError(
                f"parameter: hparam_domain_discrete[{key}] should be a list of same type as hparam_dict[{key}]."
            )
    start, infos = plugin_data_pb2.SessionStartInfo(), []
    for key, value in hparam_dict.items():
        if value is None:
            continue
        is_tensor = not isinstance(value, int | float | str) and hasattr(value, "detach")
        value = make_np(value).item() if is_tensor else value
        row = next((row for row in _KINDS if isinstance(value, row[0])), None)
        if row is None:
            raise ValueError("value should be one of int, float, str, bool, or torch.Tensor")
        setattr(start.hparams[key], row[2], value)
        known = [struct_pb2.Value(**{row[2]: x}) for x in choices.get(key, [])]
        info = api_pb2.HParamInfo(name=key, type=api_pb2.DataType.Value(row[1]))
        if known:
            info.domain_discrete.CopyFrom(struct_pb2.ListValue(values=known))
        infos.append(info)
    metrics = [api_pb2.MetricInfo(name=api_pb2.MetricName(tag=key)) for key in metric_dict]
    end = plugin_data_pb2.SessionEndInfo(status=api_pb2.Status.Value("STATUS_SUCCESS"))
    parts = (
        (hparams_metadata.EXPERIMENT_TAG, {"experiment": api_pb2.Experiment(hparam_infos=infos, metric_infos=metrics)}),
        (hparams_metadata.SESSION_START_INFO_TAG, {"session_start_info": start}),
        (hparams_metadata.SESSION_END_INFO_TAG, {"session_end_info": end}),
    )
    return tuple(_of_hparams(tag, part) for tag, part in parts)


def _of_hparams(tag, part):
    data = plugin_data_pb2.HParamsPluginData(version=hparams_metadata.PLUGIN_DATA_VERSION, **part)
    return Summary(value=[_of_plugin(tag, hparams_metadata.PLUGIN_NAME, data.SerializeToString())])


def mesh(tag: str, vertices, colors, faces, config_dict: dict | None) -> Summary:
    """Points or triangles in space, [n, points, 3], with colours."""
    kinds = ((vertices, MeshPluginData.VERTEX), (faces, MeshPluginData.FACE), (colors, MeshPluginData.COLOR))
    parts = [(make_np(array), kind) for array, kind in kinds if array is not None]
    components = mesh_metadata.get_components_bitmask([kind for _, kind in parts])
    config = json.dumps(config_dict or {}, sort_keys=True)
    values = []
    for array, kind in parts:
        told = mesh_metadata.create_summary_metadata(tag, "", kind, components, array.shape, json_config=config)
        name = mesh_metadata.get_instance_name(tag, kind)
        tensor = make_tensor_proto(array.astype(np.float32))
        values.append(Summary.Value(tag=name, tensor=tensor, metadata=told))
    return Summary(value=values)
