"""Data sets of places: Places365, SUN397 and LSUN."""

from __future__ import annotations

import bisect
import io
import os
from collections.abc import Iterable
from itertools import accumulate
from pathlib import Path

from PIL import Image

from .folder import default_loader
from .mnist import MISSING
from .utils import check_integrity, download_and_extract_archive, iterable_to_str, verify_str_arg
from .vision import VisionDataset


class Places365(VisionDataset):
    """Pictures of 365 kinds of places.

    Args:
        root: the folder that has the lists and the pictures' folders.
        split: "train-standard", "train-challenge", "val" or "test". The test set has no labels: None.
        small: the pictures of 256 x 256 pixels.
        download: fetch and unpack what is not there.
        loader: a function that reads the picture at a path.

    Raises:
        ValueError: an unknown split.
        RuntimeError: a list is not there, or is damaged.
    """

    _SPLITS = ("train-standard", "train-challenge", "val", "test")
    _BASE_URL = "http://data.csail.mit.edu/places/places365/"
    _DEVKIT_META = {
        "standard": ("filelist_places365-standard.tar", "35a0585fee1fa656440f3ab298f8479c"),
        "challenge": ("filelist_places365-challenge.tar", "70a8307e459c3de41690a7c76c931734"),
    }
    _CATEGORIES_META = ("categories_places365.txt", "06c963b85866bd0649f97cb43dd16673")
    _FILE_LIST_META = {
        "train-standard": ("places365_train_standard.txt", "30f37515461640559006b8329efbed1a"),
        "train-challenge": ("places365_train_challenge.txt", "b2931dc997b8c33c27e7329c073a6b57"),
        "val": ("places365_val.txt", "e9f2fd57bfd9d07630173f4e8708e4b1"),
        "test": ("places365_test.txt", "2fce8233fe493576d724142e45d93653"),
    }
    _IMAGES_META = {
        ("train-standard", False): ("train_large_places365standard.tar", "67e186b496a84c929568076ed01a8aa1"),
        ("train-challenge", False): ("train_large_places365challenge.tar", "605f18e68e510c82b958664ea134545f"),
        ("val", False): ("val_large.tar", "9b71c4993ad89d2d8bcbdc4aef38042f"),
        ("test", False): ("test_large.tar", "41a4b6b724b1d2cd862fb3871ed59913"),
        ("train-standard", True): ("train_256_places365standard.tar", "53ca1c756c3d1e7809517cc47c5561c5"),
        ("train-challenge", True): ("train_256_places365challenge.tar", "741915038a5e3471ec7332404dfb64ef"),
        ("val", True): ("val_256.tar", "e27b17d8d44f4af9a78502beb927f808"),
        ("test", True): ("test_256.tar", "f532f6ad7b582262a2ec8009075e186b"),
    }

    def __init__(
        self,
        root,
        split="train-standard",
        small=False,
        download=False,
        transform=None,
        target_transform=None,
        loader=default_loader,
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = verify_str_arg(split, "split", self._SPLITS)
        self.small, self.loader = small, loader
        rows = self._rows(self._CATEGORIES_META, download)
        self._numbers = {name: int(number) for name, number in rows}
        self.classes = sorted(self._numbers)
        self.imgs = [
            (os.path.join(self.images_dir, *row[0].lstrip("/").split("/")), int(row[1]) if len(row) > 1 else None)
            for row in self._rows(self._FILE_LIST_META[split], download)
        ]
        self.targets = [target for _, target in self.imgs]
        if download:
            self.download_images()

    @property
    def class_to_idx(self):
        """The number of each class, as the list of the classes gives it."""
        return self._numbers

    @property
    def variant(self):
        """ "challenge" or "standard"."""
        return "challenge" if "challenge" in self.split else "standard"

    @property
    def images_dir(self):
        """The folder of the pictures."""
        size = "256" if self.small else "large"
        name = f"data_{size}_{self.variant}" if self.split.startswith("train") else f"{self.split}_{size}"
        return os.path.join(self.root, name)

    def _rows(self, meta, download):
        """The words of each line of a list."""
        path = os.path.join(self.root, meta[0])
        if not check_integrity(path, meta[1]):
            if not download:
                raise RuntimeError(
                    f"The file {path} does not exist or is corrupted. You can set download=True to download it."
                )
            self.download_devkit()
        with open(path) as file:
            return [line.split() for line in file]

    def download_devkit(self):
        """Fetch and unpack the lists."""
        name, md5 = self._DEVKIT_META[self.variant]
        download_and_extract_archive(self._BASE_URL + name, self.root, md5=md5)

    def download_images(self):
        """Fetch and unpack the pictures if they are not there."""
        if os.path.exists(self.images_dir):
            return
        name, md5 = self._IMAGES_META[self.split, self.small]
        download_and_extract_archive(self._BASE_URL + name, self.root, md5=md5)
        if self.split.startswith("train"):
            os.rename(self.images_dir.rsplit("_", 1)[0], self.images_dir)

    def __len__(self):
        return len(self.imgs)

    def __getitem__(self, index):
        path, target = self.imgs[index]
        return self.transformed(self.loader(path), target)

    def extra_repr(self):
        return f"Split: {self.split}\nSmall: {self.small}"


class SUN397(VisionDataset):
    """108,754 pictures of 397 kinds of places.

    Args:
        root: the folder that has SUN397.
        download: fetch the archive if the files are not there.
        loader: a function that reads the picture at a path.

    Raises:
        RuntimeError: the files are not there.
    """

    url = "http://vision.princeton.edu/projects/2010/SUN/SUN397.tar.gz"
    md5 = "8ca2778205c41d23104230ba66911c7a"

    def __init__(self, root, transform=None, target_transform=None, download=False, loader=default_loader):
        super().__init__(root, transform=transform, target_transform=target_transform)
        folder = Path(self.root) / "SUN397"
        if download and not folder.is_dir():
            download_and_extract_archive(self.url, self.root, md5=self.md5)
        if not folder.is_dir():
            raise RuntimeError(MISSING)
        self.classes = [line[3:].strip() for line in (folder / "ClassName.txt").read_text().splitlines()]
        self.loader = loader
        number = self.class_to_idx
        self._image_files = list(folder.rglob("sun_*.jpg"))
        self._labels = ["/".join(path.relative_to(folder).parts[1:-1]) for path in self._image_files]
        self._labels = [number[name] for name in self._labels]

    def __len__(self):
        return len(self._image_files)

    def __getitem__(self, index):
        return self.transformed(self.loader(self._image_files[index]), self._labels[index])


class LSUNClass(VisionDataset):
    """The pictures of one data base of LSUN; a picture's label is None. Needs the package lmdb.

    Raises:
        ModuleNotFoundError: lmdb is not installed.
    """

    def __init__(self, root, transform=None, target_transform=None):
        import lmdb  # an optional package

        super().__init__(root, transform=transform, target_transform=target_transform)
        self.env = lmdb.open(root, max_readers=1, readonly=True, lock=False, readahead=False, meminit=False)
        with self.env.begin(write=False) as transaction:
            self.keys = list(transaction.cursor().iternext(keys=True, values=False))

    def __len__(self):
        return len(self.keys)

    def __getitem__(self, index):
        with self.env.begin(write=False) as transaction:
            data = transaction.get(self.keys[index])
        return self.transformed(Image.open(io.BytesIO(data)).convert("RGB"), None)


class LSUN(VisionDataset):
    """Pictures of ten kinds of places, a data base for each. Needs the package lmdb.

    Args:
        root: the folder of the data bases, such as bedroom_train_lmdb.
        classes: "train", "val", "test", or a list such as ["bedroom_train", "church_outdoor_train"].

    Raises:
        ValueError: an unknown class.
        ModuleNotFoundError: lmdb is not installed.

    Differs from torch:
        No list of keys is written into the working folder.
    """

    categories = (
        "bedroom",
        "bridge",
        "church_outdoor",
        "classroom",
        "conference_room",
        "dining_room",
        "kitchen",
        "living_room",
        "restaurant",
        "tower",
    )

    def __init__(self, root, classes="train", transform=None, target_transform=None):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.classes = self._verify_classes(classes)
        self.dbs = [LSUNClass(os.path.join(root, f"{name}_lmdb"), transform=transform) for name in self.classes]
        self.indices = list(accumulate(map(len, self.dbs)))
        self.length = self.indices[-1] if self.indices else 0

    def _verify_classes(self, classes):
        splits = ["train", "val", "test"]
        if isinstance(classes, str) and classes in splits:
            return [classes] if classes == "test" else [f"{name}_{classes}" for name in self.categories]
        if not isinstance(classes, Iterable):
            raise ValueError(f"Expected type str or Iterable for argument classes, but got type {type(classes)}.")
        classes = list(classes)
        text = "Unknown value '{}' for {}. Valid values are {{{}}}."
        for each in classes:
            verify_str_arg(
                each, custom_msg=f"Expected type str for elements in argument classes, but got type {type(each)}."
            )
            name, _, split = each.rpartition("_")
            for value, kind, known in ((name, "LSUN class", self.categories), (split, "postfix", splits)):
                message = text.format(value, kind, iterable_to_str(known))
                verify_str_arg(value, valid_values=list(known), custom_msg=message)
        return classes

    def __len__(self):
        return self.length

    def __getitem__(self, index):
        label = bisect.bisect_right(self.indices, index)
        picture, _ = self.dbs[label][index - (self.indices[label - 1] if label else 0)]
        return picture, label if self.target_transform is None else self.target_transform(label)

    def extra_repr(self):
        return f"Classes: {self.classes}"
