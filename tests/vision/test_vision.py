"""Vision against torchvision: results, random numbers, errors and reprs of the cases; data sets and their errors."""

import errno
import gzip
import hashlib
import io
import os
import pickle
import random
import re
import types
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from tests.rows import fixture, load

pytest.importorskip("PIL")

from PIL import Image, UnidentifiedImageError

import jtorch as torch
from jtorch.vision import datasets, transforms, utils
from jtorch.vision import io as io_
from jtorch.vision.datasets import mat, mnist
from tests.vision import files
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
    """The tolerance for a number, in its own units, and why."""
    if "Resize" in expression and picture in ("floats", "bytes", "batch"):
        # pillow's filters run in double precision, PyTorch's in single; bytes may then round the other way.
        return 1 if kind == "torch.uint8" else 2e-6
    if kind == "torch.uint8" or not kind.startswith("torch."):
        return 0
    return 1e-6  # sums are taken in another order


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


def test_what_a_tensor_cannot_have_is_refused_by_name():
    with pytest.raises(NotImplementedError, match="resize"):
        transforms.Resize(6, transforms.InterpolationMode.BOX)(PICTURES["floats"](torch))


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

    def extra_repr(self):
        return "Split: Train"

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


def test_a_failed_download_names_each_address_and_leaves_nothing(tmp_path, monkeypatch):
    def refuse(request, timeout):
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(RuntimeError) as caught:
        datasets.MNIST(tmp_path, download=True)
    lines = str(caught.value).splitlines()
    assert lines[0] == "Error downloading train-images-idx3-ubyte.gz:"
    assert lines[1:3] == [f"Tried {datasets.MNIST.mirrors[0]}, got:", "<urlopen error no network>"]
    with pytest.raises(urllib.error.URLError, match="no network"):
        datasets.CIFAR10(tmp_path, download=True)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Serve files from memory: name -> bytes. The connection for a file in `cut` is closed halfway."""
    files, cut = {}, set()

    def answer(request, timeout):
        name = request.full_url.rsplit("/", 1)[-1]
        made = io.BytesIO(files[name][: len(files[name]) // 2] if name in cut else files[name])
        made.length = len(files[name])
        return made

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    return types.SimpleNamespace(files=files, cut=cut)


def test_a_data_set_is_fetched_checked_and_unpacked(tmp_path, served):
    for name in mnist._PARTS:
        shape = (2, 28, 28) if "images" in name else (2,)
        files.write_idx(tmp_path / "made" / name, np.ones(shape, np.uint8))
        served.files[name + ".gz"] = gzip.compress((tmp_path / "made" / name).read_bytes())
    sums = [hashlib.md5(data).hexdigest() for data in served.files.values()]
    kind = type("MNIST", (datasets.MNIST,), {"sums": sums})
    served.cut.add("t10k-labels-idx1-ubyte.gz")
    with pytest.raises(RuntimeError, match="^Error downloading t10k-labels-idx1-ubyte.gz"):
        kind(tmp_path, download=True)
    assert not (tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte.gz").exists()  # a half file is not kept
    served.cut.clear()
    assert kind(tmp_path, download=True, train=False).targets.tolist() == [1, 1]
    assert len(kind(tmp_path)) == 2


def test_a_download_with_another_sum_is_refused_and_not_kept(tmp_path, served):
    served.files["a.zip"] = b"other bytes"
    with pytest.raises(RuntimeError, match="^File not found or corrupted.$"):
        datasets.utils.download_url("http://x/a.zip", tmp_path, md5="0" * 32)
    assert not list(tmp_path.iterdir())


class Evil:
    """Its pickle would run a command."""

    def __reduce__(self):
        return os.system, ("true",)


def test_a_data_set_runs_no_code_of_a_file(tmp_path):
    files.write_cifar(tmp_path)
    batch = tmp_path / "cifar-100-python" / "train"
    batch.write_bytes(pickle.dumps({"data": Evil()}, 2))

    def summed(names):
        return [[name, datasets.utils.calculate_md5(batch.parent / name)] for name, _ in names]

    lists = {"train_list": summed([["train", 0]]), "test_list": summed([["test", 0]])}
    with pytest.raises(pickle.UnpicklingError, match="system is not allowed in a data set"):
        type("CIFAR100", (datasets.CIFAR100,), lists)(tmp_path)


@pytest.mark.parametrize("damage", ["cut", "other"])
def test_a_damaged_file_is_named(tmp_path, damage):
    files.write_idx_sets(tmp_path)
    path = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:500] if damage == "cut" else b"something else")
    with pytest.raises(RuntimeError, match=re.escape(str(path))):
        datasets.MNIST(tmp_path)


def test_a_damaged_picture_is_pillows_error(tmp_path):
    files.write_classes(tmp_path)
    with pytest.raises(UnidentifiedImageError):
        datasets.ImageFolder(tmp_path / "damaged")[0]


@pytest.mark.parametrize("packed", [False, True])
def test_svhn_and_flowers_are_read_without_scipy(tmp_path, packed):
    matlab = pytest.importorskip("scipy.io")
    pictures, labels = files.noise(32, 32, 3, 4), np.array([[1], [10], [3], [2]], np.uint8)
    matlab.savemat(tmp_path / "train_32x32.mat", {"X": pictures, "y": labels}, do_compression=packed)
    md5 = datasets.utils.calculate_md5(tmp_path / "train_32x32.mat")
    kind = type("SVHN", (datasets.SVHN,), {"split_list": {"train": ["", "train_32x32.mat", md5]}})
    found = kind(tmp_path)
    assert found.labels.tolist() == [1, 0, 3, 2]
    np.testing.assert_array_equal(np.asarray(found[1][0]), pictures[..., 1])
    flowers = tmp_path / "flowers-102"
    (flowers / "jpg").mkdir(parents=True)
    files.smooth(5, 4).save(flowers / "jpg" / "image_00002.jpg")
    matlab.savemat(flowers / "setid.mat", {"trnid": [[2]]}, do_compression=packed)
    matlab.savemat(flowers / "imagelabels.mat", {"labels": [[7, 5]]}, do_compression=packed)
    names = {
        key: (name, datasets.utils.calculate_md5(flowers / name))
        for key, (name, _) in datasets.Flowers102.lists.items()
    }
    assert type("Flowers102", (datasets.Flowers102,), {"lists": names})(tmp_path)[0][1] == 4


def test_structures_and_cells_of_matlab_are_read(tmp_path):
    matlab = pytest.importorskip("scipy.io")
    row = np.array([("a.jpg", 3)], [("fname", object), ("class", object)])
    names = np.array(["Audi", "BMW"], object)
    matlab.savemat(tmp_path / "a.mat", {"annotations": row, "class_names": names, "half": 0.5})
    found = mat.read_mat(tmp_path / "a.mat")
    assert (found["annotations"][0]["fname"], found["annotations"][0]["class"].item()) == ("a.jpg", 3)
    assert (found["class_names"], found["half"].item()) == (["Audi", "BMW"], 0.5)
    (tmp_path / "b.mat").write_bytes((tmp_path / "a.mat").read_bytes()[:200])
    with pytest.raises(RuntimeError, match="b.mat' is damaged or cut off"):
        mat.read_mat(tmp_path / "b.mat")


def test_coco_is_read_without_pycocotools(tmp_path):
    files.write_coco(tmp_path)
    found = datasets.CocoDetection(tmp_path / "coco", tmp_path / "coco" / "all.json")
    picture, things = found[0]
    assert (picture.size, [each["category_id"] for each in things], found.ids) == ((6, 7), [5, 6], [7, 9])
    assert found[1][1] == []
    captions = datasets.CocoCaptions(tmp_path / "coco", tmp_path / "coco" / "all.json")
    assert captions[0][1] == ["a dog", "a cat"]


def test_a_full_disk_leaves_no_half_written_picture(tmp_path, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        utils.save_image(torch.from_numpy(GRID), tmp_path / "grid.png")
    with pytest.raises(RuntimeError, match="No space left"):
        io_.write_png(torch.zeros(3, 4, 4, dtype=torch.uint8), tmp_path / "b.png")
    assert not list(tmp_path.iterdir())


def test_a_batch_is_one_recorded_line_for_any_draw():
    batch = PICTURES["batch"](torch)
    made = [transforms.functional.rotate(batch, angle) for angle in (10, 20)]
    before = torch.compiler.stats().compiles
    made[1].sum().item()
    assert torch.compiler.stats().compiles - before <= 1
    x = batch.clone().requires_grad_()
    transforms.functional.resize(x, [4, 4]).sum().backward()
    assert x.grad.shape == x.shape


def test_a_single_picture_records_nothing():
    picture, before = PICTURES["floats"](torch), torch.compiler.stats().lines
    change = transforms.Compose([
        transforms.RandomCrop(8, 2), transforms.RandomHorizontalFlip(), transforms.ColorJitter(0.4, 0.4, 0.4, 0.1),
        transforms.RandomErasing(1.0), transforms.Resize(5),
        transforms.Normalize((0.5,) * 3, (0.5,) * 3),
    ])  # fmt: skip
    change(picture)
    assert torch.compiler.stats().lines == before


def test_a_wrapped_data_set_says_what_its_targets_are(tmp_path):
    files.write(tmp_path)
    wrap, flip = datasets.wrap_dataset_for_transforms_v2, transforms.v2.RandomHorizontalFlip(1.0)
    _, found = wrap(datasets.VOCDetection(tmp_path, transforms=flip))[0]
    assert (found["boxes"].tolist()[0], found["labels"].tolist()) == ([4, 2, 8, 6], [12, 8])
    assert wrap(datasets.VOCSegmentation(tmp_path))[0][1].shape == (1, 8, 9)
    coco = datasets.CocoDetection(tmp_path / "coco", tmp_path / "coco" / "all.json")
    assert wrap(coco)[0][1]["boxes"].tolist() == [[1, 2, 4, 6], [0, 2, 3, 6]]
    assert set(wrap(coco, ["labels"])[0][1]) == {"labels"}
    assert wrap(datasets.MNIST(tmp_path))[0][1] == datasets.MNIST(tmp_path)[0][1]
    with pytest.raises(TypeError, match="^This wrapper is meant for subclasses"):
        wrap([1, 2])
