"""SummaryWriter: scalars, histograms, images, text, curves, settings, read back from the file"""

import io
import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray
from torch.utils.tensorboard import SummaryWriter

torch.manual_seed(0)
with tempfile.TemporaryDirectory() as folder:
    with SummaryWriter(folder) as writer:
        for step in range(3):
            writer.add_scalar("loss", torch.tensor(1.0 / (step + 1)), step)
            writer.add_histogram("weights", torch.randn(50), step)
        writer.add_scalars("both", {"a": 1.0, "b": np.float32(2)}, 1)
        writer.add_image("one", torch.rand(3, 8, 8), 1)
        writer.add_images("some", np.random.default_rng(0).random((5, 8, 8, 3)), 1, dataformats="NHWC")
        writer.add_text("note", "some *words*", 2)
        writer.add_pr_curve("curve", torch.tensor([1, 0, 1, 1]), torch.tensor([0.9, 0.2, 0.6, 0.3]), 1)
        writer.add_image_with_boxes("boxes", torch.rand(3, 20, 20), torch.tensor([[2, 2, 9, 12]]), 1, labels=["it"])
        writer.add_audio("tone", torch.sin(torch.arange(200.0)), 1, sample_rate=8000)
        writer.add_tensor("raw", torch.arange(4.0), 1)
        writer.add_mesh("mesh", torch.rand(1, 4, 3), faces=torch.tensor([[[0, 1, 2], [1, 2, 3]]]), global_step=1)
        writer.add_custom_scalars_marginchart(["a", "b", "c"])
        writer.add_embedding(torch.rand(5, 3), metadata=[*"abcde"], label_img=torch.rand(5, 3, 4, 4), global_step=2)
        writer.add_histogram("few", torch.arange(20.0), 1, bins="auto", max_bins=3)
        writer.add_scalar("exact", 0.1, 1, new_style=True, double_precision=True)
        figure, axes = plt.subplots(figsize=(2, 1))
        axes.plot([1, 2])
        writer.add_figure("figure", figure, 1)
        writer.add_hparams({"lr": 0.1, "name": "x", "on": True}, {"score": 0.5}, run_name="tuned")
    seen = EventAccumulator(folder, size_guidance={"tensors": 0, "histograms": 0})
    seen.Reload()
    print(dict(seen.Tags()))
    print([(event.step, event.value) for event in seen.Scalars("loss")])
    for event in seen.Histograms("weights"):
        told = event.histogram_value
        print(event.step, told.min, told.max, told.num, told.sum, told.sum_squares, len(told.bucket), sum(told.bucket))
    print([(event.step, event.width, event.height) for event in seen.Images("one") + seen.Images("some")])
    print([(event.step, event.tensor_proto.string_val) for event in seen.Tensors("note/text_summary")])
    print([(event.step, event.tensor_proto.tensor_shape) for event in seen.Tensors("curve")])
    print([(event.step, len(event.encoded_audio_string)) for event in seen.Audio("tone")])
    for name in ("raw", "exact", "mesh_VERTEX", "mesh_FACE"):
        print([(event.tensor_proto.dtype, make_ndarray(event.tensor_proto)) for event in seen.Tensors(name)])
    print([event.histogram_value for event in seen.Histograms("few")])
    print(seen.SummaryMetadata("mesh_VERTEX").plugin_data, seen.SummaryMetadata("exact").plugin_data)
    for file in sorted(Path(folder).rglob("*.tsv")) + sorted(Path(folder).glob("*.pbtxt")):
        print(file.relative_to(folder), file.read_text())
    pictures = [
        event.encoded_image_string for name in ("one", "some", "boxes", "figure") for event in seen.Images(name)
    ]
    for picture in (*map(io.BytesIO, pictures), *Path(folder).rglob("sprite.png")):
        print(np.asarray(Image.open(picture)).mean())
