"""`torch.utils.tensorboard` writes what PyTorch writes: the events of both, read back by tensorboard itself."""

import importlib

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util.tensor_util import make_ndarray

import jtorch
from tests import rows


def write(torch, folder):
    """Some of each kind."""
    numbers, g = torch.arange(24.0) / 24, torch.Generator().manual_seed(0)
    with importlib.import_module(f"{torch.__name__}.utils.tensorboard").SummaryWriter(folder, purge_step=1) as writer:
        writer.add_scalar("scalar", numbers[3], 1)
        writer.add_scalar("new", 0.1, np.int64(2), new_style=True, double_precision=True)
        writer.add_scalar("half", torch.tensor(0.1).bfloat16(), 2, new_style=True)
        writer.add_histogram("histogram", torch.randn(100, generator=g), 1)
        writer.add_histogram("few", numbers, 1, bins="auto", max_bins=3)
        writer.add_histogram_raw("raw", 0.0, 2.0, 3, 4.0, 5.0, [1.0, 2.0], [1, 2], 1)
        writer.add_image("image", numbers.view(1, 4, 6), 1)
        writer.add_image("bytes", (numbers * 200).to(torch.uint8).view(4, 6), 1, dataformats="HW")
        writer.add_images("images", numbers.view(2, 3, 2, 2), 1)
        writer.add_image_with_boxes("boxes", numbers.view(1, 4, 6), torch.tensor([[1, 1, 3, 2]]), 1)
        writer.add_audio("audio", numbers, 1, sample_rate=8000)
        writer.add_text("text", "some *words*", 1)
        writer.add_tensor("tensor", numbers[:2], 1)
        writer.add_pr_curve("curve", torch.tensor([1, 0, 1]), torch.tensor([0.9, 0.3, 0.2]), 1, num_thresholds=5)
        writer.add_pr_curve_raw("counted", *numbers.view(6, 4), 1, num_thresholds=4)
        writer.add_custom_scalars({"group": {"one": ["Multiline", ["a", "b"]], "two": ["Margin", ["a", "b", "c"]]}})
        writer.add_mesh("mesh", numbers.view(1, 8, 3), colors=(numbers * 200).to(torch.uint8).view(1, 8, 3))
        writer.add_embedding(numbers.view(6, 4), [*"abcdef"], torch.ones(6, 3, 2, 2), 3, "a/b")
        writer.add_embedding(numbers.view(6, 4), [("a", 1)] * 6, tag="two", metadata_header=["x", "y"])
        # One setting in a run: protobuf writes several in any order.
        writer.add_hparams({"lr": 0.1}, {"score": 1.0}, {"lr": [0.1, 1.0]}, "run")
        for name, value in {"on": True, "name": "x", "t": torch.tensor([2])}.items():
            writer.add_hparams({name: value, "none": None}, {}, run_name=name)
        writer.add_scalars("many/one", {"a": 1.0, "b": 2.0}, 1)


def _text(value):
    """A value as text. Numbers may be packed or not: they are read."""
    numbers = make_ndarray(value.tensor).tolist() if value.HasField("tensor") else None
    value.ClearField("tensor")
    return f"{value}{numbers}"


def told(torch, folder):
    """What lies in the folder: file -> its text, or the messages in it."""
    write(torch, str(folder))
    found = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = str(path.relative_to(folder))
        if "tfevents" in name:
            events = [*EventFileLoader(str(path)).Load()]
            values = [(event.step, value) for event in events for value in event.summary.value]
            found[name.rpartition("/")[0] or "."] = "\n".join(f"{step} {_text(value)}" for step, value in values)
        else:
            found[name] = path.read_bytes().hex() if path.suffix == ".png" else path.read_text()
    return found


def test_writes_what_pytorch_writes(tmp_path):
    recorded = rows.load("tensorboard.json", "tensorboard")
    mine = told(jtorch, tmp_path)
    assert mine.keys() == recorded.keys()
    for name, text in recorded.items():
        assert mine[name].splitlines() == text.splitlines(), name


@pytest.mark.parity
def test_fixture_is_what_pytorch_writes(tmp_path):
    assert told(pytest.importorskip("torch"), tmp_path) == rows.load("tensorboard.json", "tensorboard")


def test_wrong_things_are_refused(tmp_path):
    writer = importlib.import_module("jtorch.utils.tensorboard").SummaryWriter(str(tmp_path))
    with pytest.raises(AssertionError, match="Tensor should contain one element"):
        writer.add_scalar("x", jtorch.ones(2))
    with pytest.raises(NotImplementedError, match="numpy array or torch tensor are expected"):
        writer.add_scalar("x", None)
    with pytest.raises(ValueError, match="The input has no element"):
        writer.add_histogram("x", jtorch.ones(0))
    with pytest.raises(TypeError, match="should be dictionary"):
        writer.add_hparams([], {})
    with pytest.raises(AssertionError, match="Expected 3 tags, got 1"):
        writer.add_custom_scalars_marginchart(["a"])
    with pytest.raises(AssertionError, match="labels should equal"):
        writer.add_embedding(jtorch.ones(2, 2), ["a"])
    with pytest.raises(AssertionError, match="size of input tensor and input format are different"):
        writer.add_image("x", jtorch.ones(2, 2))
    writer.close()
    writer.close()
    writer.add_graph(jtorch.nn.Sequential(jtorch.nn.Linear(2, 3), jtorch.nn.ReLU()))
    writer.close()
    graphs = [
        event for path in tmp_path.glob("events*") for event in EventFileLoader(str(path)).Load() if event.graph_def
    ]
    assert b"Linear(in_features=2" in graphs[0].graph_def
