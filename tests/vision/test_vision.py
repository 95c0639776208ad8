"""Vision against torchvision: results, draws, refusals and reprs of the cases; data sets and their errors."""

import importlib
import random
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from tests.rows import fixture, load

pytest.importorskip("PIL")

from PIL import Image

import jtorch as torch
from jtorch.vision import datasets, transforms, utils
from tests.vision.vision_cases import CASES, GRID, GRIDS, PICTURES, REFUSED, REPRS, parts

TABLE = load("vision.json", "vision")
NAMES = {"T": transforms, "torch": torch}
ROWS = [key.split("|") for key in TABLE["kinds"]]


@pytest.fixture(scope="module")
def expected():
    """The parts that torchvision gave, by the number of the row."""
    with np.load(fixture("vision.npz", "vision")) as arrays:
        arrays = dict(arrays)
    return [
        [(kind, arrays[f"{row}.{i}"]) for i, kind in enumerate(kinds)]
        for row, kinds in enumerate(TABLE["kinds"].values(), 1)
    ]


def tolerance(expression, picture, kind):
    """How far a number may be off, in its own units, and why."""
    if "Resize" in expression and picture in ("floats", "bytes", "batch"):
        # pillow's filters run in double precision, PyTorch's in single; bytes may then round the other way.
        return 1 if kind == "torch.uint8" else 2e-6
    if kind == "torch.uint8" or not kind.startswith("torch."):
        return 0
    return 1e-6  # sums in another order


@pytest.mark.parametrize("row", range(len(ROWS)), ids=["-".join(row) for row in ROWS])
def test_a_transform_gives_what_torchvision_gives(row, expected):
    expression, picture, seed = ROWS[row]
    torch.manual_seed(int(seed))
    random.seed(int(seed))
    found = parts(eval(expression, NAMES)(PICTURES[picture](torch)))
    assert [kind for kind, _ in found] == [kind for kind, _ in expected[row]]
    for (kind, ours), (_, theirs) in zip(found, expected[row], strict=True):
        assert ours.shape == theirs.shape
        off = np.abs(ours.astype(np.float64) - theirs).max()
        assert off <= tolerance(expression, picture, kind)


def test_the_table_has_every_case():
    assert {(row[0], row[1]) for row in ROWS} == {(e, p) for e, names in CASES.items() for p in names.split()}
    assert [(e, p) for e, p, *_ in TABLE["refused"]] == REFUSED
    assert [row[0] for row in TABLE["grids"]] == GRIDS
    assert list(TABLE["reprs"]) == list(dict.fromkeys(REPRS))


def refusal(expression, picture):
    try:
        made = eval(expression, NAMES | {"x": picture and PICTURES[picture](torch)})
        if picture and "(x" not in expression:
            made(PICTURES[picture](torch))
    except Exception as error:
        return type(error).__name__, str(error)


@pytest.mark.parametrize("expression, picture, kind, message", TABLE["refused"])
def test_a_refusal_is_torchvisions(expression, picture, kind, message):
    message = message.replace("<class 'torch.Tensor'>", str(torch.Tensor))
    assert refusal(expression, picture) == (kind, message)


@pytest.mark.parametrize("expression", TABLE["reprs"])
def test_a_transform_prints_as_torchvisions(expression):
    assert repr(eval(expression, NAMES)) == TABLE["reprs"][expression]


@pytest.mark.parametrize("expression", ["T.Resize(6, antialias=False)", "T.Resize(6, T.InterpolationMode.BOX)"])
def test_what_a_tensor_cannot_have_is_refused_by_name(expression):
    with pytest.raises(NotImplementedError, match="resize"):
        eval(expression, NAMES)(PICTURES["floats"](torch))


def test_normalize_lets_gradients_through():
    x = torch.ones(2, 3, 4, 4, requires_grad=True)
    transforms.Normalize((0.1, 0.2, 0.3), (0.5, 0.25, 2.0))(x).sum().backward()
    assert x.grad[0, :, 0, 0].tolist() == [2.0, 4.0, 0.5]


def test_digits_is_a_data_set_like_mnist():
    pytest.importorskip("sklearn")
    train, test = (datasets.Digits("nowhere", train=train, download=True) for train in (True, False))
    assert (len(train), len(test)) == (1437, 360)
    assert train.data.shape == (1437, 28, 28)
    assert (train.data.dtype, train.targets.dtype) == (torch.uint8, torch.int64)
    picture, label = train[7]
    assert (picture.mode, picture.size, type(label)) == ("L", (28, 28), int)
    assert train.class_to_idx["7 - seven"] == 7
    assert np.bincount(test.targets.numpy()).min() > 20


class Tiny(datasets.VisionDataset):
    """Three pictures in memory."""

    classes = ["a", "b", "c"]
    extra_repr = datasets.Prepared.extra_repr

    def __init__(self, **transforms):
        super().__init__("data", **transforms)
        self.train, self.data, self.targets = True, np.zeros((3, 4, 4, 3), np.uint8), [1, 2, 0]


def test_a_data_set_applies_both_transforms_and_prints_as_torchvisions():
    tiny = Tiny(
        transform=transforms.Compose([transforms.ToTensor(), transforms.Pad(1)]),
        target_transform=transforms.Lambda(str),
    )
    picture, label = tiny[1]
    assert (picture.shape, label) == ((3, 6, 6), "2")
    assert repr(tiny) == "\n".join([
        "Dataset Tiny",
        "    Number of datapoints: 3",
        "    Root location: data",
        "    Split: Train",
        "    StandardTransform",
        "Transform: Compose(",
        "               ToTensor()",
        "               Pad(padding=1, fill=0, padding_mode=constant)",
        "           )",
        "Target transform: Lambda()",
    ])  # fmt: skip


def test_a_data_set_takes_one_transform_of_both_or_two():
    assert Tiny(transforms=lambda picture, label: label)[0] == 1
    with pytest.raises(ValueError, match="^Only transforms or transform/target_transform can be passed"):
        Tiny(transforms=max, transform=abs)


@pytest.fixture
def folder(tmp_path):
    for name, mode in (("dog", "L"), ("cat", "RGB")):
        (tmp_path / name / "deep").mkdir(parents=True)
        Image.new(mode, (5, 4), 7).save(tmp_path / name / "1.png")
        Image.new(mode, (5, 4), 7).save(tmp_path / name / "deep" / "2.JPG")
        (tmp_path / name / "notes.txt").touch()
    return tmp_path


def test_a_folder_of_images_is_a_data_set(folder):
    found = datasets.ImageFolder(folder, transform=transforms.ToTensor())
    assert (found.classes, found.class_to_idx) == (["cat", "dog"], {"cat": 0, "dog": 1})
    assert found.samples == found.imgs
    assert [(Path(path).name, target) for path, target in found.samples] == [
        ("1.png", 0),
        ("2.JPG", 0),
        ("1.png", 1),
        ("2.JPG", 1),
    ]
    assert (found[2][0].shape, found[2][1]) == ((3, 4, 5), 1)  # grey files too become red, green and blue
    assert "Number of datapoints: 4" in repr(found)
    assert len(datasets.ImageFolder(folder, is_valid_file=lambda path: path.endswith("txt"))) == 2


def test_a_folder_without_images_is_refused_in_torchvisions_words(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"^Couldn't find any class folder in {tmp_path}.$"):
        datasets.ImageFolder(tmp_path)
    (tmp_path / "cat").mkdir()
    with pytest.raises(FileNotFoundError, match=r"^Found no valid file for the classes cat\. Supported ext"):
        datasets.ImageFolder(tmp_path)
    assert len(datasets.ImageFolder(tmp_path, allow_empty=True)) == 0


@pytest.mark.parametrize("row", TABLE["grids"], ids=[row[0] for row in TABLE["grids"]])
def test_a_grid_is_torchvisions(row, expected_grids):
    expression, index = row
    grid = eval(expression, {"U": utils, "x": torch.from_numpy(GRID)})
    assert grid.shape == expected_grids[index].shape
    np.testing.assert_allclose(grid.numpy(), expected_grids[index], rtol=1e-6, atol=1e-7)


@pytest.fixture(scope="module")
def expected_grids():
    with np.load(fixture("vision.npz", "vision")) as arrays:
        return [arrays[f"grid{i}"] for i in range(len(TABLE["grids"]))]


def test_a_saved_grid_is_rounded_as_torchvisions(tmp_path, expected_grids):
    utils.save_image(torch.from_numpy(GRID), tmp_path / "grid.png", nrow=2)
    saved = np.asarray(Image.open(tmp_path / "grid.png"))
    bytes_ = np.floor(np.clip(expected_grids[1] * np.float32(255) + np.float32(0.5), 0, 255))
    np.testing.assert_array_equal(saved.transpose(2, 0, 1), bytes_)


@pytest.mark.parametrize(
    "grid, message",
    [
        (lambda: utils.make_grid(3), "tensor or list of tensors expected, got <class 'int'>"),
        (lambda: utils.make_grid([3]), "got a list containing <class 'int'>"),
        (lambda: utils.make_grid(torch.ones(2, 2), normalize=True, value_range=[0, 1]), "value_range has to"),
    ],
)
def test_a_grid_refuses_in_torchvisions_words(grid, message):
    with pytest.raises(TypeError, match=message):
        grid()


def test_a_missing_package_is_named_with_the_way_out(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(ModuleNotFoundError, match=r"(?s)tensorflow_datasets.*pip install.*Digits"):
        datasets.MNIST("data", download=True)


class Elsewhere(datasets.MNIST):
    """MNIST at an address where nobody answers."""

    home = "http://127.0.0.1:9/"


@pytest.fixture
def unprepared(monkeypatch):
    """tensorflow-datasets as it looks where nothing has been downloaded yet."""
    builder = types.SimpleNamespace(is_prepared=lambda: False)
    module = types.SimpleNamespace(builder=lambda name, data_dir: builder)
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", module)


@pytest.mark.parametrize("kind", ["MNIST", "FashionMNIST", "CIFAR10", "CIFAR100"])
def test_a_data_set_that_is_not_there_is_not_downloaded_unasked(kind, unprepared):
    with pytest.raises(RuntimeError, match="^Dataset not found.*You can use download=True to download it$"):
        getattr(datasets, kind)("data")


def test_a_failed_download_says_what_was_tried_and_what_to_do(unprepared):
    with pytest.raises(RuntimeError) as caught:
        Elsewhere("some/folder", download=True)
    lines = str(caught.value).splitlines()
    assert lines[0] == "Elsewhere could not be prepared in 'some/folder'."
    assert "'mnist'" in lines[1]
    assert "http://127.0.0.1:9/" in lines[1]
    assert "URLError" in lines[2]
    assert "pip install tensorflow-datasets" in lines[3]
    assert "`jtorch.vision.datasets.Digits` needs no download." in lines[4]


BUILDER = """
import numpy as np
import tensorflow_datasets as tfds


class Builder(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict({
            "image": tfds.features.Tensor(shape=(28, 28, 1), dtype=np.uint8),
            "label": tfds.features.ClassLabel(num_classes=10),
        }))

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples(20), "test": self._generate_examples(5)}

    def _generate_examples(self, n):
        for i in range(n):
            yield i, {"image": np.full((28, 28, 1), i, np.uint8), "label": i % 10}
"""


@pytest.mark.filterwarnings("default")  # tensorflow-datasets and what it stands on warn about each other
def test_a_data_set_is_prepared_once_and_read_through_tensorflow_datasets(tmp_path, monkeypatch):
    pytest.importorskip("tensorflow_datasets")
    package = tmp_path / "jtorch_tiny_set"  # a builder must live in a package, whose name is the data set's
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "jtorch_tiny_set_dataset_builder.py").write_text(BUILDER)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.import_module("jtorch_tiny_set.jtorch_tiny_set_dataset_builder")

    class TinySet(datasets.MNIST):
        source, home = "jtorch_tiny_set", None

    root = tmp_path / "data"
    with pytest.raises(RuntimeError, match="^Dataset not found"):
        TinySet(root)
    train = TinySet(root, download=True, transform=transforms.ToTensor())
    test = TinySet(root, train=False)
    assert (len(train), len(test)) == (20, 5)
    for (picture, label), number in zip(train, train.data[:, 0, 0].tolist(), strict=True):
        assert (picture == number / 255).all()
        assert label == number % 10
    assert sorted(test.targets.tolist()) == [0, 1, 2, 3, 4]
    assert "tensorflow" not in sys.modules
