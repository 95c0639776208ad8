"""Data sets that are one array in a file: SVHN (MATLAB), USPS and SEMEION (text), STL10 (bytes), MovingMNIST, PCAM."""

from __future__ import annotations

import bz2
import os

import numpy as np
from PIL import Image

from jtorch.core.tensor import from_numpy

from .cifar import CORRUPTED
from .mat import read_mat
from .mnist import MISSING
from .utils import (
    check_integrity,
    download_and_extract_archive,
    download_file_from_google_drive,
    download_url,
    extract_archive,
    verify_str_arg,
)
from .vision import VisionDataset


class SVHN(VisionDataset):
    """Digits of the numbers on buildings, from photographs, 32 x 32, colour.

    `data` is a uint8 array (N, 3, 32, 32), `labels` one of int64.

    Args:
        root: the folder that has, for example, train_32x32.mat.
        split: "train", "test" or "extra".
        download: fetch the file if it is not there.

    Raises:
        ValueError: an unknown split.
        RuntimeError: the file is not there, or is damaged.
    """

    home = "http://ufldl.stanford.edu/housenumbers/"
    split_list = {
        "train": [home + "train_32x32.mat", "train_32x32.mat", "e26dedcc434d2e4c54c9b2d4a06d8373"],
        "test": [home + "test_32x32.mat", "test_32x32.mat", "eb5a983be6a315427106f1b164d9cef3"],
        "extra": [home + "extra_32x32.mat", "extra_32x32.mat", "a93ce644f1a588dc4d68dda5feec44a7"],
    }

    def __init__(self, root, split="train", transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", tuple(self.split_list))
        self.url, self.filename, self.file_md5 = self.split_list[split]
        if download:
            self.download()
        if not self._check_integrity():
            raise RuntimeError(CORRUPTED)
        held = read_mat(os.path.join(self.root, self.filename))
        labels = held["y"].astype(np.int64).squeeze()
        self.data, self.labels = held["X"].transpose(3, 2, 0, 1), np.where(labels == 10, 0, labels)

    def _check_integrity(self):
        return check_integrity(os.path.join(self.root, self.filename), self.split_list[self.split][2])

    def download(self):
        """Fetch the file if it is not there."""
        download_url(self.url, self.root, self.filename, self.split_list[self.split][2])

    def __getitem__(self, index):
        return self.transformed(Image.fromarray(self.data[index].transpose(1, 2, 0)), int(self.labels[index]))

    def extra_repr(self):
        return f"Split: {self.split}"


class USPS(VisionDataset):
    """7,291 and 2,007 handwritten digits from letters, 16 x 16, grey. `data` is a uint8 array (N, 16, 16).

    Raises:
        FileNotFoundError: the file is not there.
    """

    home = "https://www.csie.ntu.edu.tw/~cjlin/libsvmtools/datasets/multiclass/"
    split_list = {
        "train": [home + "usps.bz2", "usps.bz2", "ec16c51db3855ca6c91edd34d0e9b197"],
        "test": [home + "usps.t.bz2", "usps.t.bz2", "8ea070ee2aca1ac39742fdd1ef5ed118"],
    }

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        url, name, md5 = self.split_list["train" if train else "test"]
        path = os.path.join(self.root, name)
        if download and not os.path.exists(path):
            download_url(url, self.root, name, md5)
        with bz2.open(path, "rt") as file:
            rows = [line.split() for line in file]
        values = np.asarray([[entry.split(":")[-1] for entry in row[1:]] for row in rows], np.float32)
        self.data = ((values.reshape(-1, 16, 16) + 1) / 2 * 255).astype(np.uint8)
        self.targets = [int(row[0]) - 1 for row in rows]


class STL10(VisionDataset):
    """Pictures in 10 classes, 96 x 96, colour, and 100,000 without a class. `data` is a uint8 array (N, 3, 96, 96).

    Args:
        root: the folder that has stl10_binary.
        split: "train", "test", "unlabeled" or "train+unlabeled".
        folds: the number, 0 to 9, of a fold of 1,000 training pictures; None: all.
        download: fetch the archive if the files are not there.

    Raises:
        ValueError: an unknown split or fold.
        RuntimeError: the files are not there, or are damaged.
    """

    base_folder = "stl10_binary"
    url = "http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz"
    filename = "stl10_binary.tar.gz"
    tgz_md5 = "91f7769df0f17e558f3565bffb0c7dfb"
    class_names_file = "class_names.txt"
    folds_list_file = "fold_indices.txt"
    train_list = [
        ["train_X.bin", "918c2871b30a85fa023e0c44e0bee87f"],
        ["train_y.bin", "5a34089d4802c674881badbb80307741"],
        ["unlabeled_X.bin", "5242ba1fed5e4be9e1e742405eb56ca4"],
    ]
    test_list = [
        ["test_X.bin", "7f263ba9f9e0b06b93213547f721ac82"],
        ["test_y.bin", "36f9794fa4beb8a2c72628de14fa638e"],
    ]
    splits = ("train", "train+unlabeled", "unlabeled", "test")

    def __init__(self, root, split="train", folds=None, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", self.splits)
        self.folds = _checked_fold(folds)
        if download:
            self.download()
        elif not self._check_integrity():
            raise RuntimeError(CORRUPTED)
        parts = [self._load(part) for part in self.split.split("+")]
        self.data, self.labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        names = self._path(self.class_names_file)
        if os.path.isfile(names):
            with open(names) as file:
                self.classes = file.read().splitlines()

    def _path(self, name):
        return os.path.join(self.root, self.base_folder, name)

    def _load(self, part):
        """(pictures, labels) of train, test or unlabeled."""
        pictures = np.fromfile(self._path(f"{part}_X.bin"), np.uint8).reshape(-1, 3, 96, 96).transpose(0, 1, 3, 2)
        if part == "unlabeled":
            return pictures, np.full(len(pictures), -1)
        labels = np.fromfile(self._path(f"{part}_y.bin"), np.uint8) - 1
        if part == "train" and self.folds is not None:
            with open(self._path(self.folds_list_file)) as file:
                chosen = np.array(file.read().splitlines()[self.folds].split(), np.int64)
            return pictures[chosen], labels[chosen]
        return pictures, labels

    def _check_integrity(self):
        return all(check_integrity(self._path(name), md5) for name, md5 in self.train_list + self.test_list)

    def download(self):
        """Fetch and unpack the archive if the files are not there."""
        if not self._check_integrity():
            download_and_extract_archive(self.url, self.root, filename=self.filename, md5=self.tgz_md5)

    def __getitem__(self, index):
        return self.transformed(Image.fromarray(self.data[index].transpose(1, 2, 0)), int(self.labels[index]))

    def extra_repr(self):
        return f"Split: {self.split}"


def _checked_fold(folds):
    if folds is not None and not isinstance(folds, int):
        raise ValueError(f"Expected type None or int for argument folds, but got type {type(folds)}.")
    if folds is not None and folds not in range(10):
        raise ValueError(f"Value for argument folds should be in the range [0, 10), but got {folds}.")
    return folds


class SEMEION(VisionDataset):
    """1,593 handwritten digits, 16 x 16, black and white. `data` is a uint8 array (N, 16, 16), `labels` one of int64.

    Args:
        root: the folder that has semeion.data.
        download: fetch the file if it is not there.

    Raises:
        RuntimeError: the file is not there, or is damaged.
    """

    url = "http://archive.ics.uci.edu/ml/machine-learning-databases/semeion/semeion.data"
    filename = "semeion.data"
    md5_checksum = "cb545d371d2ce14ec121470795a77432"

    def __init__(self, root, transform=None, target_transform=None, download=True):
        super().__init__(root, transform=transform, target_transform=target_transform)
        path = os.path.join(self.root, self.filename)
        if download and not check_integrity(path, self.md5_checksum):
            download_url(self.url, self.root, self.filename, self.md5_checksum)
        if not check_integrity(path, self.md5_checksum):
            raise RuntimeError(CORRUPTED)
        rows = np.loadtxt(path, ndmin=2)
        self.data = (rows[:, :256] * 255).astype(np.uint8).reshape(-1, 16, 16)
        self.labels = np.nonzero(rows[:, 256:])[1]

    def __getitem__(self, index):
        return self.transformed(Image.fromarray(self.data[index]), int(self.labels[index]))


class MovingMNIST(VisionDataset):
    """10,000 films of two digits that move: an item is a uint8 tensor (frames, 1, 64, 64).

    Args:
        root: the folder that has MovingMNIST.
        split: "train", the first frames, "test", the others; None: all 20.
        split_ratio: how many frames are the first.
        download: fetch the file if it is not there.

    Raises:
        ValueError: an unknown split, or a ratio outside 1 to 19.
        RuntimeError: the file is not there.
    """

    url = "http://www.cs.toronto.edu/~nitish/unsupervised_video/mnist_test_seq.npy"
    md5 = "be083ec986bfe91a449d63653c411eb2"

    def __init__(self, root, split=None, split_ratio=10, download=False, transform=None):
        super().__init__(root, transform=transform)
        if split is not None:
            verify_str_arg(split, "split", ("train", "test"))
        if not isinstance(split_ratio, int):
            raise TypeError(f"`split_ratio` should be an integer, but got {type(split_ratio)}")
        if not 1 <= split_ratio <= 19:
            raise ValueError(f"`split_ratio` should be `1 <= split_ratio <= 19`, but got {split_ratio} instead.")
        self.split, self.split_ratio = split, split_ratio
        folder, name = os.path.join(self.root, type(self).__name__), os.path.basename(self.url)
        path = os.path.join(folder, name)
        if download and not os.path.exists(path):
            download_url(self.url, folder, name, self.md5)
        if not os.path.exists(path):
            raise RuntimeError(f"{MISSING}.")
        frames = {None: slice(None), "train": slice(split_ratio), "test": slice(split_ratio, None)}[split]
        self.data = from_numpy(np.load(path)[frames].swapaxes(0, 1)[:, :, None].copy())

    def __getitem__(self, index):
        return self.data[index] if self.transform is None else self.transform(self.data[index])


class PCAM(VisionDataset):
    """327,680 pictures of tissue, 96 x 96, colour: with a tumour in the middle, or without. Needs the package h5py.

    Args:
        root: the folder that has pcam.
        split: "train", "test" or "val".
        download: fetch the files if they are not there.

    Raises:
        ValueError: an unknown split.
        RuntimeError: h5py is not installed, or the files are not there.
    """

    _PART = "camelyonpatch_level_2_split_{}_{}.h5"
    _FILES = {  # Google Drive's number and the MD5 sum of the pictures' file and of the labels'
        "train": (
            ("1Ka0XfEMiwgCYPdTI-vv6eUElOBnKFKQ2", "1571f514728f59376b705fc836ff4b63"),
            ("1269yhu3pZDP8UYFQs-NYs3FPwuK-nGSG", "35c2d7259d906cfc8143347bb8e05be7"),
        ),
        "test": (
            ("1qV65ZqZvWzuIVthK8eVDhIwrbnsJdbg_", "d8c2d60d490dbd479f8199bdfa0cf6ec"),
            ("17BHrSrwWKjYsOgTMmoqrIjDy6Fa2o_gP", "60a7035772fbdb7f34eb86d4420cf66a"),
        ),
        "val": (
            ("1hgshYGWK8V-eGRy8LToWJJgDU_rXWVJ3", "d5b63470df7cfa627aeec8b9dc0c066e"),
            ("1bH8ZRbhSVAhScTS0p9-ZzGnX91cHT3uO", "2b85f58b927af9964a4c15b8f7e8f179"),
        ),
    }

    def __init__(self, root, split="train", transform=None, target_transform=None, download=False):
        try:
            import h5py  # an optional package
        except ImportError as error:
            raise RuntimeError(
                "h5py is not found. This dataset needs to have h5py installed: please run pip install h5py"
            ) from error
        self.h5py = h5py
        self._split = verify_str_arg(split, "split", ("train", "test", "val"))
        super().__init__(root, transform=transform, target_transform=target_transform)
        folder = os.path.join(self.root, "pcam")
        names = [self._PART.format({"val": "valid"}.get(split, split), axis) for axis in "xy"]
        self._paths = [os.path.join(folder, name) for name in names]
        if download and not all(map(os.path.exists, self._paths)):
            for name, (number, md5) in zip(names, self._FILES[split], strict=True):
                download_file_from_google_drive(number, folder, f"{name}.gz", md5)
                extract_archive(os.path.join(folder, f"{name}.gz"))
        if not all(map(os.path.exists, self._paths)):
            raise RuntimeError(MISSING)

    def __len__(self):
        with self.h5py.File(self._paths[0]) as file:
            return file["x"].shape[0]

    def __getitem__(self, index):
        with self.h5py.File(self._paths[0]) as pictures, self.h5py.File(self._paths[1]) as labels:
            picture, label = Image.fromarray(pictures["x"][index]).convert("RGB"), int(labels["y"][index, 0, 0, 0])
        return self.transformed(picture, label)
