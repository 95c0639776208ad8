"""Data sets of objects, animals and letters, with a folder for each class: Caltech, CLEVR, iNaturalist, Omniglot."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from PIL import Image

from .cifar import CORRUPTED
from .folder import default_loader
from .mat import read_mat
from .utils import (
    check_integrity,
    download_and_extract_archive,
    extract_archive,
    list_dir,
    list_files,
    verify_str_arg,
)
from .vision import VisionDataset


class _Caltech(VisionDataset):
    """Pictures in a folder for each category, numbered from 1."""

    base_folder = folder = ""

    def __init__(self, root, transform=None, target_transform=None, download=False):
        super().__init__(os.path.join(root, self.base_folder), transform=transform, target_transform=target_transform)
        self._kept = os.path.join(self.root, self.folder)
        if download and not self._check_integrity():
            os.makedirs(self.root, exist_ok=True)
            self.download()
        if not self._check_integrity():
            raise RuntimeError(CORRUPTED)
        self.categories = sorted(os.listdir(self._kept))
        self._choose()
        self.index, self.y = [], []
        for number, category in enumerate(self.categories):
            count = self._count(os.listdir(os.path.join(self._kept, category)))
            self.index += range(1, count + 1)
            self.y += [number] * count

    def _choose(self):
        """Remove folders that are not categories from `categories`."""

    def _count(self, names):
        return len(names)

    def _check_integrity(self):
        return os.path.exists(self._kept)

    def __len__(self):
        return len(self.index)


class Caltech101(_Caltech):
    """9,146 pictures in 101 categories, colour or grey, and the outlines of the objects.

    Args:
        root: the folder that has caltech101.
        target_type: "category", "annotation" (the points of the outline, an array (2, N)), or a list of them.
        download: fetch the archive if the files are not there.

    Raises:
        ValueError: an unknown type.
        RuntimeError: the files are not there.
    """

    base_folder, folder = "caltech101", "101_ObjectCategories"
    outlines = {
        "Faces": "Faces_2",
        "Faces_easy": "Faces_3",
        "Motorbikes": "Motorbikes_16",
        "airplanes": "Airplanes_Side_2",
    }  # categories whose folder of outlines has another name

    def __init__(self, root, target_type="category", transform=None, target_transform=None, download=False):
        kinds = [target_type] if isinstance(target_type, str) else target_type
        self.target_type = [verify_str_arg(kind, "target_type", ("category", "annotation")) for kind in kinds]
        super().__init__(root, transform, target_transform, download)

    def _choose(self):
        self.categories.remove("BACKGROUND_Google")
        self.annotation_categories = [self.outlines.get(name, name) for name in self.categories]

    def download(self):
        """Fetch and unpack the archive."""
        url = "https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip"
        download_and_extract_archive(url, self.root, md5="3138e1922a9193bfa496528edbbc45d0")
        packed = os.path.join(self.root, "caltech-101")
        for name in list_files(packed, ".gz"):
            extract_archive(os.path.join(packed, name), self.root)
        shutil.rmtree(packed)
        os.remove(os.path.join(self.root, "caltech-101.zip"))

    def __getitem__(self, index):
        label, number = self.y[index], self.index[index]
        picture = Image.open(os.path.join(self._kept, self.categories[label], f"image_{number:04d}.jpg"))
        targets = [label if kind == "category" else self._outline(label, number) for kind in self.target_type]
        return self.transformed(picture, targets[0] if len(targets) == 1 else tuple(targets))

    def _outline(self, label, number):
        folder = os.path.join(self.root, "Annotations", self.annotation_categories[label])
        return read_mat(os.path.join(folder, f"annotation_{number:04d}.mat"))["obj_contour"]

    def extra_repr(self):
        return f"Target type: {self.target_type}"


class Caltech256(_Caltech):
    """30,607 pictures in 256 categories, and of clutter, colour or grey.

    Args:
        root: the folder that has caltech256.
        download: fetch the archive if the files are not there.

    Raises:
        RuntimeError: the files are not there.
    """

    base_folder, folder = "caltech256", "256_ObjectCategories"

    def _count(self, names):
        return sum(name.endswith(".jpg") for name in names)

    def download(self):
        """Fetch and unpack the archive."""
        url = "https://data.caltech.edu/records/nyy15-4j048/files/256_ObjectCategories.tar"
        download_and_extract_archive(url, self.root, md5="67b4f42ca05d46448c6bb8ecd2220f6d")

    def __getitem__(self, index):
        label, number = self.y[index], self.index[index]
        path = os.path.join(self._kept, self.categories[label], f"{label + 1:03d}_{number:04d}.jpg")
        return self.transformed(Image.open(path), label)


class CLEVRClassification(VisionDataset):
    """Rendered pictures of solids; the label is how many there are, None in the test set.

    Args:
        root: the folder that has clevr.
        split: "train", "val" or "test".
        download: fetch the archive if the files are not there.
        loader: a function that reads the picture at a path.

    Raises:
        ValueError: an unknown split.
        RuntimeError: the files are not there.
    """

    url = "https://dl.fbaipublicfiles.com/clevr/CLEVR_v1.0.zip"
    md5 = "b11922020e72d0cd9154779b2d3d07d2"

    def __init__(
        self,
        root,
        split="train",
        transform=None,
        target_transform=None,
        download=False,
        loader=default_loader,
    ):
        self._split = verify_str_arg(split, "split", ("train", "val", "test"))
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.loader = loader
        folder = Path(self.root) / "clevr" / "CLEVR_v1.0"
        if download and not folder.is_dir():
            download_and_extract_archive(self.url, str(folder.parent), md5=self.md5)
        if not folder.is_dir():
            raise RuntimeError(CORRUPTED)
        self._image_files = sorted((folder / "images" / split).glob("*"))
        self._labels = [None] * len(self._image_files)
        if split != "test":
            scenes = json.loads((folder / "scenes" / f"CLEVR_{split}_scenes.json").read_text())["scenes"]
            counts = {scene["image_filename"]: len(scene["objects"]) for scene in scenes}
            self._labels = [counts[file.name] for file in self._image_files]

    def __len__(self):
        return len(self._image_files)

    def __getitem__(self, index):
        return self.transformed(self.loader(self._image_files[index]), self._labels[index])

    def extra_repr(self):
        return f"split={self._split}"


RANKS = ["kingdom", "phylum", "class", "order", "family", "genus"]
_NATURE = "https://ml-inat-competition-datasets.s3.amazonaws.com/"
_VERSIONS = {  # the end of the address, the MD5 sum
    "2017": ("2017/train_val_images.tar.gz", "7c784ea5e424efaec655bd392f87301f"),
    "2018": ("2018/train_val2018.tar.gz", "b1c6952ce38f31868cc50ea72d066cc3"),
    "2019": ("2019/train_val2019.tar.gz", "c60a6e2962c9b8ccbd458d12c8582644"),
    "2021_train": ("2021/train.tar.gz", "e0526d53c7f7b2e3167b2b43bb2690ed"),
    "2021_train_mini": ("2021/train_mini.tar.gz", "db6ed8330e634445efc8fec83ae81442"),
    "2021_valid": ("2021/val.tar.gz", "f6f6e0e242e3d4c9569ba56400938afc"),
}


class INaturalist(VisionDataset):
    """Pictures of plants and animals, labelled by species and by the ranks above it.

    Args:
        root: the folder that has the folder of the version.
        version: "2017", "2018", "2019", "2021_train", "2021_train_mini" or "2021_valid".
        target_type: "full" (the species), or a list. Before 2021 also "super"; from then on "kingdom", "phylum", "class",
            "order", "family" and "genus".
        download: fetch the archive if the files are not there.
        loader: a function that reads the picture at a path; None: as PIL opens it.

    Raises:
        ValueError: an unknown version or type.
        RuntimeError: the files are not there, or a folder's name is not as it should be.
    """

    def __init__(
        self,
        root,
        version="2021_train",
        target_type="full",
        transform=None,
        target_transform=None,
        download=False,
        loader=None,
    ):
        self.version = verify_str_arg(version, "version", _VERSIONS.keys())
        super().__init__(os.path.join(root, version), transform=transform, target_transform=target_transform)
        if download:
            self.download()
        if not self._check_exists():
            raise RuntimeError(CORRUPTED)
        self.all_categories, self.categories_map = [], []
        recent = version.startswith("2021")
        known = ("full", *RANKS) if recent else ("full", "super")
        kinds = target_type if isinstance(target_type, list) else [target_type]
        self.target_type = [verify_str_arg(kind, "target_type", known) for kind in kinds]
        if recent:
            self._read_ranks()
        else:
            self._read_two_levels()
        self.index = [
            (number, name)
            for number, category in enumerate(self.all_categories)
            for name in os.listdir(os.path.join(self.root, category))
        ]
        self.loader = loader

    def _read_ranks(self):
        """Folders named by a number and seven ranks."""
        self.all_categories = sorted(os.listdir(self.root))
        self.categories_index = {rank: {} for rank in RANKS}
        for number, folder in enumerate(self.all_categories):
            pieces = folder.split("_")
            if len(pieces) != 8:
                raise RuntimeError(f"Unexpected category name {folder}, wrong number of pieces")
            if pieces[0] != f"{number:05d}":
                raise RuntimeError(f"Unexpected category id {pieces[0]}, expecting {number:05d}")
            self.categories_map.append(
                {
                    rank: self.categories_index[rank].setdefault(name, len(self.categories_index[rank]))
                    for rank, name in zip(RANKS, pieces[1:7], strict=True)
                }
            )

    def _read_two_levels(self):
        """Folders of groups, with a folder for each species in them: a name in 2017, a number later."""
        groups, found = sorted(os.listdir(self.root)), {}
        self.categories_index = {"super": {group: number for number, group in enumerate(groups)}}
        for number, group in enumerate(groups):
            for species in sorted(os.listdir(os.path.join(self.root, group))):
                try:
                    at = len(found) if self.version == "2017" else int(species)
                except ValueError:
                    raise RuntimeError(f"Unexpected non-numeric dir name: {species}") from None
                if at in found:
                    raise RuntimeError(f"Duplicate category {species}")
                found[at] = ({"super": number}, os.path.join(group, species))
        for at in range(max(found, default=-1) + 1):
            if at not in found:
                raise RuntimeError(f"Missing category {at}")
            self.categories_map.append(found[at][0])
            self.all_categories.append(found[at][1])

    def _check_exists(self):
        return os.path.exists(self.root) and len(os.listdir(self.root)) > 0

    def download(self):
        """Fetch and unpack the archive if the files are not there."""
        if self._check_exists():
            return
        end, md5 = _VERSIONS[self.version]
        base = os.path.dirname(self.root)
        os.makedirs(base, exist_ok=True)
        download_and_extract_archive(_NATURE + end, base, filename=f"{self.version}.tgz", md5=md5)
        unpacked = os.path.join(base, os.path.basename(end).removesuffix(".tar.gz"))
        if not os.path.exists(unpacked):
            raise RuntimeError(f"Unable to find downloaded files at {unpacked}")
        os.rename(unpacked, self.root)

    def category_name(self, category_type, category_id):
        """The name of a number: of a species for "full", or of another type of target.

        Raises:
            ValueError: there is no such type or number.
        """
        if category_type == "full":
            return self.all_categories[category_id]
        if category_type not in self.categories_index:
            raise ValueError(f"Invalid category type '{category_type}'")
        for name, number in self.categories_index[category_type].items():
            if number == category_id:
                return name
        raise ValueError(f"Invalid category id {category_id} for {category_type}")

    def __len__(self):
        return len(self.index)

    def __getitem__(self, index):
        label, name = self.index[index]
        path = os.path.join(self.root, self.all_categories[label], name)
        picture = Image.open(path) if self.loader is None else self.loader(path)
        targets = [label if kind == "full" else self.categories_map[label][kind] for kind in self.target_type]
        return self.transformed(picture, targets[0] if len(targets) == 1 else tuple(targets))


class Omniglot(VisionDataset):
    """Handwritten letters of 50 alphabets, 105 x 105, grey; each is a class.

    Args:
        root: the folder that has omniglot-py.
        background: the 30 alphabets to learn from; False: the 20 to be judged by.
        download: fetch the archive if it is not there.
        loader: a function that reads the picture at a path; None: a grey PIL image.

    Raises:
        RuntimeError: the archive is not there, or is damaged.
    """

    folder = "omniglot-py"
    download_url_prefix = "https://raw.githubusercontent.com/brendenlake/omniglot/master/python"
    zips_md5 = {
        "images_background": "68d2efa1b9178cc56df9314c21c6e718",
        "images_evaluation": "6b91aef0f799c5bb55b94e3f2daec811",
    }

    def __init__(
        self,
        root,
        background=True,
        transform=None,
        target_transform=None,
        download=False,
        loader=None,
    ):
        super().__init__(os.path.join(root, self.folder), transform=transform, target_transform=target_transform)
        self.background, self.loader = background, loader
        part = "images_background" if background else "images_evaluation"
        name, md5 = f"{part}.zip", self.zips_md5[part]
        if download and not check_integrity(os.path.join(self.root, name), md5):
            download_and_extract_archive(f"{self.download_url_prefix}/{name}", self.root, filename=name, md5=md5)
        if not check_integrity(os.path.join(self.root, name), md5):
            raise RuntimeError(CORRUPTED)
        self.target_folder = os.path.join(self.root, part)
        self._characters = [
            os.path.join(alphabet, character)
            for alphabet in list_dir(self.target_folder)
            for character in list_dir(os.path.join(self.target_folder, alphabet))
        ]
        self._flat_character_images = [
            (name, number)
            for number, character in enumerate(self._characters)
            for name in list_files(os.path.join(self.target_folder, character), ".png")
        ]

    def __len__(self):
        return len(self._flat_character_images)

    def __getitem__(self, index):
        name, label = self._flat_character_images[index]
        path = os.path.join(self.target_folder, self._characters[label], name)
        picture = Image.open(path).convert("L") if self.loader is None else self.loader(path)
        return self.transformed(picture, label)
