"""Data sets of pictures: MNIST, FashionMNIST, CIFAR10, CIFAR100, ImageFolder as in torchvision, and Digits.

The first four are fetched, prepared and read by tensorflow-datasets (the extra `data`); Digits comes with
scikit-learn; ImageFolder is a folder of your own. This file has torchvision's interface to a data set. It does
not know how one is stored.
"""

from __future__ import annotations

import importlib
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
from PIL import Image

from jtorch.core.tensor import from_numpy
from jtorch.utils.data.dataset import Dataset

_INSTALL = "pip install tensorflow-datasets importlib_resources tensorflow    # the extra `data`"
_OFFLINE = "`jtorch.vision.datasets.Digits` needs no download."
_DIGITS = "zero one two three four five six seven eight nine".split()


class VisionDataset(Dataset):
    """Pictures and their labels: item i is (transform(picture i), target_transform(label i)).

    `data` and `targets` hold all of them in memory, as in torchvision. A program may replace them.

    Args:
        transforms: one function of (picture, label) instead of the two.

    Raises:
        ValueError: `transforms` together with one of the two.
    """

    classes: list[str]

    def __init__(self, root=None, transforms=None, transform=None, target_transform=None):
        if transforms is not None and (transform is not None or target_transform is not None):
            raise ValueError("Only transforms or transform/target_transform can be passed as argument")
        self.root, self.transform, self.target_transform = root, transform, target_transform
        self.transforms, self._arrays = transforms, {}
        if transform is not None or target_transform is not None:
            self.transforms = StandardTransform(transform, target_transform)

    @property
    def class_to_idx(self):
        """The number of each class, by its name."""
        return {name: number for number, name in enumerate(self.classes)}

    def __len__(self):
        return len(self._array("data"))

    def __getitem__(self, index):
        picture, target = Image.fromarray(self._array("data")[index]), int(self._array("targets")[index])
        return (picture, target) if self.transforms is None else self.transforms(picture, target)

    def _array(self, name):
        """`data` or `targets` as an array, made once for each object that the attribute has held."""
        held = getattr(self, name)
        seen, array = self._arrays.get(name, (None, None))
        if seen is not held:
            array = np.asarray(held)
            self._arrays[name] = held, array
        return array

    def __getstate__(self):
        return self.__dict__ | {"_arrays": {}}

    def extra_repr(self):
        """Text that a subclass adds to the repr."""
        return ""

    def __repr__(self):
        parts = [f"Number of datapoints: {len(self)}"]
        if self.root is not None:
            parts.append(f"Root location: {self.root}")
        parts += self.extra_repr().splitlines()
        if self.transforms is not None:
            parts.append(repr(self.transforms))
        return "\n".join([f"Dataset {type(self).__name__}", *("    " + part for part in parts)])


class StandardTransform:
    """A transform of the picture and one of the label, as one function of both."""

    def __init__(self, transform=None, target_transform=None):
        self.transform, self.target_transform = transform, target_transform

    def __call__(self, picture, target):
        picture = picture if self.transform is None else self.transform(picture)
        return picture, target if self.target_transform is None else self.target_transform(target)

    def __repr__(self):
        titled = [("Transform: ", self.transform), ("Target transform: ", self.target_transform)]
        return "\n".join(["StandardTransform", *(_titled_repr(title, t) for title, t in titled if t is not None)])


def _titled_repr(title, transform):
    return title + repr(transform).replace("\n", "\n" + " " * len(title))


class Prepared(VisionDataset):
    """A data set that tensorflow-datasets downloads and prepares once, in `root`, and then reads.

    A subclass sets `source`, its name in tensorflow-datasets, and `home`, the address of its files.

    Args:
        root: the folder of all prepared data sets.
        train: read the training part. False: the test part.
        transform: a function of the picture, a PIL image.
        target_transform: a function of the label, an int.
        download: download and prepare the data set if it is not there yet.

    Raises:
        ModuleNotFoundError: tensorflow-datasets is not installed.
        RuntimeError: it is not there and `download` is False, or it cannot be downloaded or prepared.

    Differs from torch:
        The pictures come in the order in which tensorflow-datasets stored them, not in that of the files.
    """

    source: str
    home: str | None = None
    missing = "Dataset not found. You can use download=True to download it"

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        builder = self._builder()
        if not builder.is_prepared():
            if not download:
                raise RuntimeError(self.missing)
            self._prepare(builder)
        rows = list(builder.as_data_source(split="train" if train else "test"))
        pictures = np.stack([row["image"] for row in rows])
        self.data, self.targets = self._shown(pictures, [int(row["label"]) for row in rows])
        self.classes = self._names(builder.info.features["label"].names)

    def _builder(self):
        return _import("tensorflow_datasets", type(self).__name__).builder(self.source, data_dir=self.root)

    def _prepare(self, builder):
        try:
            if self.home is not None:
                _reach(self.home)
                # The builders use TensorFlow to encode pictures, and also to open their files.
                importlib.import_module("tensorflow")
            builder.download_and_prepare(file_format="array_record")
        except Exception as error:  # for whatever reason: the network, the disk, a package, a changed file
            raise RuntimeError(
                f"{type(self).__name__} could not be prepared in {str(self.root)!r}.\n"
                f"  tried:  tensorflow-datasets, data set {self.source!r}, files from {self.home}\n"
                f"  failed: {type(error).__name__}: {error}\n"
                f"  needs:  a network that reaches that address, and {_INSTALL}\n"
                f"{_OFFLINE}"
            ) from error

    def _shown(self, pictures, labels):
        """Pictures (N, H, W, C) and labels as the attributes `data` and `targets`."""
        return pictures, labels

    def _names(self, names):
        return list(names)

    def extra_repr(self):
        return f"Split: {'Train' if self.train else 'Test'}"


def _import(name, wanted_by):
    """A package that only some data sets need, imported when one of them is made."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{wanted_by} is read through {name}: {error}.\n  needs:  {_INSTALL}\n{_OFFLINE}", name=error.name
        ) from error


def _reach(address):
    """Fail at once without a network. tensorflow-datasets would retry for three minutes."""
    try:
        urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=10).close()
    except urllib.error.HTTPError:
        pass  # the server answered


class MNIST(Prepared):
    """60,000 and 10,000 handwritten digits, 28 x 28, grey. `data` is a uint8 Tensor (N, 28, 28)."""

    source = "mnist"
    home = "https://storage.googleapis.com/cvdf-datasets/mnist/"

    def _shown(self, pictures, labels):
        return from_numpy(np.ascontiguousarray(pictures[..., 0])), from_numpy(np.asarray(labels, np.int64))

    def _names(self, names):
        return [f"{number} - {name}" for number, name in enumerate(_DIGITS)]


class FashionMNIST(MNIST):
    """60,000 and 10,000 pieces of clothing, 28 x 28, grey. `data` is a uint8 Tensor (N, 28, 28)."""

    source = "fashion_mnist"
    home = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"

    def _names(self, names):
        return list(names)


class CIFAR10(Prepared):
    """50,000 and 10,000 pictures in 10 classes, 32 x 32, colour. `data` is a uint8 array (N, 32, 32, 3)."""

    source = "cifar10"
    home = "https://www.cs.toronto.edu/~kriz/"
    missing = "Dataset not found or corrupted. You can use download=True to download it"


class CIFAR100(CIFAR10):
    """50,000 and 10,000 pictures in 100 classes, 32 x 32, colour. `data` is a uint8 array (N, 32, 32, 3)."""

    source = "cifar100"


class Digits(VisionDataset):
    """Scikit-learn's handwritten digits at MNIST's size, 28 x 28: 1,437 for training, 360 for the test.

    Scans of 8 x 8 pixels, enlarged, always with the same split. `data` is a uint8 Tensor (N, 28, 28). Nothing is
    downloaded: `root` and `download` exist so that it can replace MNIST.

    >>> from jtorch.vision import datasets
    >>> picture, label = datasets.Digits(train=False)[0]
    >>> picture.size, label
    ((28, 28), 6)
    """

    def __init__(self, root=None, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        small, labels = _import("sklearn.datasets", "Digits").load_digits(return_X_y=True)
        small = (small * 255 / 16).astype(np.uint8).reshape(-1, 8, 8)
        order = np.random.default_rng(0).permutation(len(labels))
        half = order[360:] if train else order[:360]
        large = [Image.fromarray(small[i]).resize((28, 28), Image.Resampling.BILINEAR) for i in half]
        self.data, self.targets = from_numpy(np.stack(large)), from_numpy(labels[half].astype(np.int64))
        self.classes = [f"{number} - {name}" for number, name in enumerate(_DIGITS)]

    def extra_repr(self):
        return f"Split: {'Train' if self.train else 'Test'}"


IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def default_loader(path):
    """The image file as a PIL image in red, green and blue."""
    with Image.open(path) as image:
        return image.convert("RGB")


class ImageFolder(VisionDataset):
    """Image files in a folder for each class: root/cat/1.png, root/dog/any/depth/2.jpg. A file is read when its item is.

    Args:
        loader: a function that reads the picture at a path.
        is_valid_file: tells whether a path is a picture; default: by its suffix.
        allow_empty: accept a class without pictures.

    Raises:
        FileNotFoundError: no class folder, or a class without pictures.
    """

    extensions = IMG_EXTENSIONS

    def __init__(
        self,
        root,
        transform=None,
        target_transform=None,
        loader=default_loader,
        is_valid_file=None,
        allow_empty=False,
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.loader = loader
        self.classes = sorted(folder.name for folder in Path(root).iterdir() if folder.is_dir())
        if not self.classes:
            raise FileNotFoundError(f"Couldn't find any class folder in {root}.")
        valid = is_valid_file or (lambda path: path.lower().endswith(IMG_EXTENSIONS))
        files = [sorted(map(str, (Path(root) / name).rglob("*"))) for name in self.classes]
        self.samples = [(path, i) for i, paths in enumerate(files) for path in paths if valid(path)]
        self.targets = [target for _, target in self.samples]
        empty = [name for i, name in enumerate(self.classes) if i not in self.targets]
        if empty and not allow_empty:
            message = f"Found no valid file for the classes {', '.join(empty)}."
            known = f" Supported extensions are: {', '.join(IMG_EXTENSIONS)}"
            raise FileNotFoundError(message + ("" if is_valid_file else known))

    @property
    def imgs(self):
        """The same as `samples`."""
        return self.samples

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        path, target = self.samples[index]
        picture = self.loader(path)
        return (picture, target) if self.transforms is None else self.transforms(picture, target)
