"""Data sets of faces other than CelebA: LFW, WIDER FACE and FER2013."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
from PIL import Image

from jtorch.core.tensor import from_numpy

from .cifar import CORRUPTED
from .folder import default_loader
from .utils import (
    check_integrity,
    download_and_extract_archive,
    download_file_from_google_drive,
    extract_archive,
    verify_str_arg,
)
from .vision import VisionDataset


class _LFW(VisionDataset):
    """Labeled Faces in the Wild: 13,233 pictures of 5,749 people.

    Args:
        root: the folder that has lfw-py with the archive of the image set, what is unpacked from it, and the lists.
        split: "10fold", "train" or "test".
        image_set: "original", "funneled" or "deepfunneled".
        loader: a function that reads the picture at a path.

    Raises:
        ValueError: an unknown split or image set, or `download=True`: the files can no longer be fetched.
        RuntimeError: the files are not there, or are damaged.
    """

    base_folder = "lfw-py"
    view = ""
    file_dict = {
        "original": ("lfw", "lfw.tgz", "a17d05bd522c52d84eca14327a23d494"),
        "funneled": ("lfw_funneled", "lfw-funneled.tgz", "1b42dfed7d15c9b2dd63d5e5840c86ad"),
        "deepfunneled": ("lfw-deepfunneled", "lfw-deepfunneled.tgz", "68331da3eb755a505a502b5aacb3c201"),
    }
    checksums = {
        "pairs.txt": "9f1ba174e4e1c508ff7cdf10ac338a7d",
        "pairsDevTest.txt": "5132f7440eb68cf58910c8a45a2ac10b",
        "pairsDevTrain.txt": "4f27cbf15b2da4a85c1907eb4181ad21",
        "people.txt": "450f0863dd89e85e73936a6d71a3474b",
        "peopleDevTest.txt": "e4bf5be0a43b5dcd9dc5ccfcb8fb19c5",
        "peopleDevTrain.txt": "54eaac34beb6d042ed3a7d883e247a21",
        "lfw-names.txt": "a6d0a479bd074669f656265a6e693f6d",
    }
    names = "lfw-names.txt"

    def __init__(
        self,
        root,
        split="10fold",
        image_set="funneled",
        transform=None,
        target_transform=None,
        download=False,
        loader=default_loader,
    ):
        super().__init__(os.path.join(root, self.base_folder), transform=transform, target_transform=target_transform)
        self.image_set = verify_str_arg(image_set.lower(), "image_set", self.file_dict.keys())
        folder, self.filename, self.md5 = self.file_dict[self.image_set]
        self.split = verify_str_arg(split.lower(), "split", ["10fold", "train", "test"])
        part = {"10fold": "", "train": "DevTrain", "test": "DevTest"}[self.split]
        self.labels_file = f"{self.view}{part}.txt"
        if download:
            raise ValueError(
                "LFW dataset is no longer available for automatic download."
                "Please download the dataset manually and place it in the specified directory."
                "A commonly used mirror is available at: https://www.kaggle.com/datasets/jessicali9530/lfw-dataset"
            )
        if not self._check_integrity():
            raise RuntimeError(CORRUPTED)
        self.images_dir, self._loader = os.path.join(self.root, folder), loader
        self._read()

    def _check_integrity(self):
        lists = [self.labels_file, self.names] if self.view == "people" else [self.labels_file]
        sums = {self.filename: self.md5} | {name: self.checksums[name] for name in lists}
        return all(check_integrity(os.path.join(self.root, name), md5) for name, md5 in sums.items())

    def _rows(self, name):
        """The words of each line of a list."""
        with open(os.path.join(self.root, name)) as file:
            return [line.split() for line in file]

    def _get_path(self, identity, number):
        return os.path.join(self.images_dir, identity, f"{identity}_{int(number):04d}.jpg")

    def __len__(self):
        return len(self.data)

    def extra_repr(self):
        return f"Alignment: {self.image_set}\nSplit: {self.split}"


class LFWPeople(_LFW):
    """Faces, each with the number of the person. The arguments and errors are those of :class:`_LFW`."""

    __doc__ = _LFW.__doc__
    view = "people"

    def _read(self):
        self.class_to_idx = {row[0]: number for number, row in enumerate(self._rows(self.names))}
        rows = self._rows(self.labels_file)
        folds, at = (int(rows[0][0]), 1) if self.split == "10fold" else (1, 0)
        self.data, self.targets = [], []
        for _ in range(folds):
            count = int(rows[at][0])
            for identity, pictures in rows[at + 1 : at + 1 + count]:
                numbers = range(1, int(pictures) + 1)
                self.data += [self._get_path(identity, number) for number in numbers]
                self.targets += [self.class_to_idx[identity]] * len(numbers)
            at += count + 1

    def __getitem__(self, index):
        return self.transformed(self._loader(self.data[index]), self.targets[index])

    def extra_repr(self):
        return f"{super().extra_repr()}\nClasses (identities): {len(self.class_to_idx)}"


LFWPeople.class_to_idx = None  # each object has its own


class LFWPairs(_LFW):
    """Two faces, and whether they are of one person: an item has three parts."""

    __doc__ = _LFW.__doc__
    view = "pairs"

    def _read(self):
        rows = self._rows(self.labels_file)
        folds, count = map(int, rows[0]) if self.split == "10fold" else (1, int(rows[0][0]))
        self.pair_names, self.data, self.targets = [], [], []
        for i, row in enumerate(rows[1 : 1 + 2 * folds * count]):
            same = i % (2 * count) < count
            first, other = (row[0], row[1]), (row[0], row[2]) if same else (row[2], row[3])
            self.pair_names.append((first[0], other[0]))
            self.data.append((self._get_path(*first), self._get_path(*other)))
            self.targets.append(int(same))

    def __getitem__(self, index):
        pictures = [self._loader(path) for path in self.data[index]]
        if self.transform is not None:
            pictures = [self.transform(picture) for picture in pictures]
        target = self.targets[index]
        return *pictures, target if self.target_transform is None else self.target_transform(target)


class WIDERFace(VisionDataset):
    """32,203 pictures of people, and a dict of tensors about their faces (bbox, blur, pose, ...).

    In the test set the dict is None.

    Args:
        root: the folder that has widerface.
        split: "train", "val" or "test".
        download: fetch the archives if the files are not there.

    Raises:
        ValueError: an unknown split.
        RuntimeError: the files are not there, or a list is damaged.
    """

    BASE_FOLDER = "widerface"
    FILE_LIST = [
        ("15hGDLhsx8bLgLcIRD5DhYt5iBxnjNF1M", "3fedf70df600953d25982bcd13d91ba2", "WIDER_train.zip"),
        ("1GUCogbp16PMGa39thoMMeWxp7Rp5oM8Q", "dfa7d7e790efa35df3788964cf0bbaea", "WIDER_val.zip"),
        ("1HIfDbVEWKmsYKJZm4lchTBDLW5N7dY5T", "e5d8f4248ed24c334bbd12f49c29dd40", "WIDER_test.zip"),
    ]
    ANNOTATIONS_FILE = (
        "http://shuoyang1213.me/WIDERFACE/support/bbx_annotation/wider_face_split.zip",
        "0e3767bcf0e326556d407bf5bff5d27c",
        "wider_face_split.zip",
    )
    columns = ("blur", "expression", "illumination", "occlusion", "pose", "invalid")

    def __init__(self, root, split="train", transform=None, target_transform=None, download=False):
        super().__init__(os.path.join(root, self.BASE_FOLDER), transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", ("train", "val", "test"))
        if download:
            self.download()
        if not self._check_integrity():
            raise RuntimeError(f"{CORRUPTED[:-3]} and prepare it")
        self.img_info = self._listed()

    def _listed(self):
        name = "wider_face_test_filelist.txt" if self.split == "test" else f"wider_face_{self.split}_bbx_gt.txt"
        path = os.path.join(self.root, "wider_face_split", name)
        folder = os.path.abspath(os.path.join(self.root, f"WIDER_{self.split}", "images"))
        with open(path) as file:
            lines = [line.rstrip() for line in file]
        if self.split == "test":
            return [{"img_path": os.path.join(folder, line)} for line in lines]
        found, at = [], 0
        while at < len(lines):
            count = max(1, int(lines[at + 1]))  # a picture without faces has one row of zeros
            rows = np.array([[int(x) for x in line.split(" ")] for line in lines[at + 2 : at + 2 + count]], np.int64)
            known = {"bbox": from_numpy(rows[:, :4].copy())}
            known |= {column: from_numpy(rows[:, 4 + i].copy()) for i, column in enumerate(self.columns)}
            found.append({"img_path": os.path.join(folder, lines[at]), "annotations": known})
            at += 2 + count
        return found

    def _check_integrity(self):
        names = [name for _, _, name in (*self.FILE_LIST, self.ANNOTATIONS_FILE)]
        return all(os.path.exists(os.path.join(self.root, os.path.splitext(name)[0])) for name in names)

    def download(self):
        """Fetch and unpack the archives if the files are not there."""
        if self._check_integrity():
            return
        for number, md5, name in self.FILE_LIST:
            download_file_from_google_drive(number, self.root, name, md5)
            extract_archive(os.path.join(self.root, name))
        url, md5, _ = self.ANNOTATIONS_FILE
        download_and_extract_archive(url, self.root, md5=md5)

    def __len__(self):
        return len(self.img_info)

    def __getitem__(self, index):
        known = self.img_info[index]
        return self.transformed(Image.open(known["img_path"]), known.get("annotations"))

    def extra_repr(self):
        return f"Split: {self.split}"


class FER2013(VisionDataset):
    """35,887 faces, 48 x 48, grey, with one of seven expressions.

    Args:
        root: the folder that has fer2013 with fer2013.csv, icml_face_data.csv, or train.csv and test.csv.
        split: "train" or "test". The labels of test.csv are None.

    Raises:
        ValueError: an unknown split.
        RuntimeError: the file is not there, or is damaged.
    """

    _RESOURCES = {
        "train": ("train.csv", "3f0dfb3d3fd99c811a1299cb947e3131"),
        "test": ("test.csv", "b02c2298636a634e8c2faabbf3ea9a23"),
        "fer": ("fer2013.csv", "f8428a1edbd21e88f42c73edd2a14f95"),
        "icml": ("icml_face_data.csv", "b114b9e04e6949e5fe8b6a98b3892b1d"),
    }

    def __init__(self, root, split="train", transform=None, target_transform=None):
        self._split = verify_str_arg(split, "split", ("train", "test"))
        super().__init__(root, transform=transform, target_transform=target_transform)
        folder = Path(self.root) / "fer2013"
        whole = next((kind for kind in ("fer", "icml") if (folder / self._RESOURCES[kind][0]).exists()), None)
        name, md5 = self._RESOURCES[whole or split]
        if not check_integrity(str(folder / name), md5):
            raise RuntimeError(
                f"{name} not found in {folder} or corrupted. "
                f"You can download it from "
                f"https://www.kaggle.com/c/challenges-in-representation-learning-facial-expression-recognition-challenge"
            )
        with open(folder / name, newline="") as file:
            rows = [{key.strip(): value for key, value in row.items()} for row in csv.DictReader(file)]
        if whole:
            uses = ("Training",) if split == "train" else ("PublicTest", "PrivateTest")
            rows = [row for row in rows if row["Usage"] in uses]
        labelled = whole or split == "train"
        self._samples = [
            (np.array(row["pixels"].split(), np.uint8).reshape(48, 48), int(row["emotion"]) if labelled else None)
            for row in rows
        ]

    def __len__(self):
        return len(self._samples)

    def __getitem__(self, index):
        pixels, label = self._samples[index]
        return self.transformed(Image.fromarray(pixels), label)

    def extra_repr(self):
        return f"split={self._split}"
