"""Data sets of roads from a car: Cityscapes and Kitti."""

from __future__ import annotations

import csv
import json
import os
from typing import NamedTuple

from PIL import Image

from .utils import download_and_extract_archive, extract_archive, iterable_to_str, verify_str_arg
from .vision import VisionDataset


class CityscapesClass(NamedTuple):
    """What Cityscapes says about one of its classes."""

    name: str
    id: int
    train_id: int
    category: str
    category_id: int
    has_instances: bool
    ignore_in_eval: bool
    color: tuple[int, int, int]


_CATEGORIES = ("void", "flat", "construction", "object", "nature", "sky", "human", "vehicle")
# name, number for training, category, whether instances are told apart, whether evaluation ignores it, colour
_ROAD_CLASSES = """
unlabeled|255|0|0|1|0 0 0
ego vehicle|255|0|0|1|0 0 0
rectification border|255|0|0|1|0 0 0
out of roi|255|0|0|1|0 0 0
static|255|0|0|1|0 0 0
dynamic|255|0|0|1|111 74 0
ground|255|0|0|1|81 0 81
road|0|1|0|0|128 64 128
sidewalk|1|1|0|0|244 35 232
parking|255|1|0|1|250 170 160
rail track|255|1|0|1|230 150 140
building|2|2|0|0|70 70 70
wall|3|2|0|0|102 102 156
fence|4|2|0|0|190 153 153
guard rail|255|2|0|1|180 165 180
bridge|255|2|0|1|150 100 100
tunnel|255|2|0|1|150 120 90
pole|5|3|0|0|153 153 153
polegroup|255|3|0|1|153 153 153
traffic light|6|3|0|0|250 170 30
traffic sign|7|3|0|0|220 220 0
vegetation|8|4|0|0|107 142 35
terrain|9|4|0|0|152 251 152
sky|10|5|0|0|70 130 180
person|11|6|1|0|220 20 60
rider|12|6|1|0|255 0 0
car|13|7|1|0|0 0 142
truck|14|7|1|0|0 0 70
bus|15|7|1|0|0 60 100
caravan|255|7|1|1|0 0 90
trailer|255|7|1|1|0 0 110
train|16|7|1|0|0 80 100
motorcycle|17|7|1|0|0 0 230
bicycle|18|7|1|0|119 11 32
license plate|-1|7|0|1|0 0 142
"""


def _road_classes():
    rows = [line.split("|") for line in _ROAD_CLASSES.strip().splitlines()]
    for number, (name, train, category, single, ignored, colour) in enumerate(rows):
        at = int(category)
        yield CityscapesClass(
            name,
            -1 if name == "license plate" else number,
            int(train),
            _CATEGORIES[at],
            at,
            single == "1",
            ignored == "1",
            tuple(map(int, colour.split())),
        )


class Cityscapes(VisionDataset):
    """Roads of 50 cities: pictures, and the class or instance of each pixel.

    Args:
        root: the folder that has leftImg8bit and gtFine or gtCoarse, or their zip archives.
        split: "train", "test" or "val"; "train", "train_extra" or "val" if the mode is "coarse".
        mode: "fine" or "coarse".
        target_type: "instance", "semantic", "polygon", "color", or a list of them. A polygon is the file's JSON.

    Raises:
        ValueError: an unknown split, mode or type.
        RuntimeError: the files are not there.
    """

    CityscapesClass = CityscapesClass
    classes = list(_road_classes())
    endings = {
        "instance": "instanceIds.png",
        "semantic": "labelIds.png",
        "color": "color.png",
        "polygon": "polygons.json",
    }

    def __init__(
        self,
        root,
        split="train",
        mode="fine",
        target_type="instance",
        transform=None,
        target_transform=None,
        transforms=None,
    ):
        super().__init__(root, transforms, transform, target_transform)
        self.mode, self.split = "gtFine" if mode == "fine" else "gtCoarse", split
        verify_str_arg(mode, "mode", ("fine", "coarse"))
        known = ("train", "test", "val") if mode == "fine" else ("train", "train_extra", "val")
        message = f"Unknown value '{split}' for argument split if mode is '{mode}'. Valid values are {{{iterable_to_str(known)}}}."
        verify_str_arg(split, "split", known, message)
        self.target_type = target_type if isinstance(target_type, list) else [target_type]
        for kind in self.target_type:
            verify_str_arg(kind, "target_type", ("instance", "semantic", "polygon", "color"))
        self.images_dir = os.path.join(self.root, "leftImg8bit", split)
        self.targets_dir = os.path.join(self.root, self.mode, split)
        if not (os.path.isdir(self.images_dir) and os.path.isdir(self.targets_dir)):
            self._unpack()
        self.images, self.targets = [], []
        for city in os.listdir(self.images_dir):
            for name in os.listdir(os.path.join(self.images_dir, city)):
                begin = os.path.join(self.targets_dir, city, f"{name.split('_leftImg8bit')[0]}_{self.mode}_")
                self.images.append(os.path.join(self.images_dir, city, name))
                self.targets.append([begin + self.endings[kind] for kind in self.target_type])

    def _unpack(self):
        pictures = "leftImg8bit_trainextra.zip" if self.split == "train_extra" else "leftImg8bit_trainvaltest.zip"
        labels = "gtFine_trainvaltest.zip" if self.mode == "gtFine" else "gtCoarse.zip"
        archives = [os.path.join(self.root, name) for name in (pictures, labels)]
        if not all(map(os.path.isfile, archives)):
            raise RuntimeError(
                "Dataset not found or incomplete. Please make sure all required folders for the"
                ' specified "split" and "mode" are inside the "root" directory'
            )
        for archive in archives:
            extract_archive(archive, self.root)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        targets = [
            self._load_json(path) if kind == "polygon" else Image.open(path)
            for kind, path in zip(self.target_type, self.targets[index], strict=True)
        ]
        picture = Image.open(self.images[index]).convert("RGB")
        return self.transformed(picture, targets[0] if len(targets) == 1 else tuple(targets))

    def _load_json(self, path):
        with open(path) as file:
            return json.load(file)

    def extra_repr(self):
        return f"Split: {self.split}\nMode: {self.mode}\nType: {self.target_type}"


class Kitti(VisionDataset):
    """Roads, and a list with a dict for each object (type, bbox, dimensions, location, ...); None in the test set.

    Args:
        root: the folder that has Kitti/raw.
        train: the set with labels.
        download: fetch the archives if the files are not there.

    Raises:
        RuntimeError: the files are not there.
    """

    data_url = "https://s3.eu-central-1.amazonaws.com/avg-kitti/"
    resources = ("data_object_image_2.zip", "data_object_label_2.zip")
    image_dir_name, labels_dir_name = "image_2", "label_2"

    def __init__(
        self,
        root,
        train=True,
        transform=None,
        target_transform=None,
        transforms=None,
        download=False,
    ):
        super().__init__(root, transforms, transform, target_transform)
        self.train, self._location = train, "training" if train else "testing"
        folder = os.path.join(self._raw_folder, self._location)
        if download:
            self.download()
        if not self._check_exists():
            raise RuntimeError("Dataset not found. You may use download=True to download it.")
        names = os.listdir(os.path.join(folder, self.image_dir_name))
        self.images = [os.path.join(folder, self.image_dir_name, name) for name in names]
        self.targets = [
            os.path.join(folder, self.labels_dir_name, f"{name.split('.')[0]}.txt") for name in names if train
        ]

    @property
    def _raw_folder(self):
        return os.path.join(self.root, type(self).__name__, "raw")

    def _check_exists(self):
        folders = [self.image_dir_name, self.labels_dir_name] if self.train else [self.image_dir_name]
        return all(os.path.isdir(os.path.join(self._raw_folder, self._location, name)) for name in folders)

    def download(self):
        """Fetch and unpack the archives if the files are not there."""
        if self._check_exists():
            return
        os.makedirs(self._raw_folder, exist_ok=True)
        for name in self.resources:
            download_and_extract_archive(self.data_url + name, self._raw_folder, filename=name)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        target = self._parse_target(index) if self.train else None
        return self.transformed(Image.open(self.images[index]), target)

    def _parse_target(self, index):
        with open(self.targets[index]) as file:
            rows = list(csv.reader(file, delimiter=" "))
        return [
            {
                "type": row[0],
                "truncated": float(row[1]),
                "occluded": int(row[2]),
                "alpha": float(row[3]),
                "bbox": [float(x) for x in row[4:8]],
                "dimensions": [float(x) for x in row[8:11]],
                "location": [float(x) for x in row[11:14]],
                "rotation_y": float(row[14]),
            }
            for row in rows
        ]
