"""Data sets of objects in pictures: VOC's boxes and masks, COCO's boxes and captions, CelebA's faces."""

from __future__ import annotations

import collections
import csv
import json
import os
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from jtorch.core.tensor import from_numpy

from .cifar import CORRUPTED
from .folder import default_loader
from .mat import read_mat
from .utils import (
    check_integrity,
    download_and_extract_archive,
    download_file_from_google_drive,
    download_url,
    extract_archive,
    verify_str_arg,
)
from .vision import VisionDataset

_VOC = "https://thor.robots.ox.ac.uk/pascal/VOC/"
_YEARS = {  # the address of the archive, its MD5 sum
    "2012": ("voc2012/VOCtrainval_11-May-2012.tar", "6cd6e144f989b92b3379bac3b3de84fd"),
    "2011": ("voc2011/VOCtrainval_25-May-2011.tar", "6c3384ef61512963050cb5d687e5bf1e"),
    "2010": ("voc2010/VOCtrainval_03-May-2010.tar", "da459979d0c395079b5c75ee67908abb"),
    "2009": ("voc2009/VOCtrainval_11-May-2009.tar", "a3e00b113cfcfebf17e343f59da3caa1"),
    "2008": ("voc2008/VOCtrainval_14-Jul-2008.tar", "2629fa636546599198acfcfbfcf1904a"),
    "2007": ("voc2007/VOCtrainval_06-Nov-2007.tar", "c52e279531787c972589f7e41ab4ae64"),
    "2007-test": ("voc2007/VOCtest_06-Nov-2007.tar", "b6e924de25625d8de591ea690078ad9f"),
}


class _VOC_(VisionDataset):
    """The pictures of a list of VOC, and a file about each."""

    lists, folder, suffix = "", "", ""

    def __init__(
        self,
        root,
        year="2012",
        image_set="train",
        download=False,
        transform=None,
        target_transform=None,
        transforms=None,
    ):
        super().__init__(root, transforms, transform, target_transform)
        self.year = verify_str_arg(year, "year", [str(known) for known in range(2007, 2013)])
        sets = ["train", "trainval", "val"] + (["test"] if year == "2007" else [])
        self.image_set = verify_str_arg(image_set, "image_set", sets)
        name, self.md5 = _YEARS["2007-test" if (year, image_set) == ("2007", "test") else year]
        self.url, self.filename = _VOC + name, os.path.basename(name)
        base = os.path.join(self.root, *(["TrainVal"] if year == "2011" else []), "VOCdevkit", f"VOC{year}")
        if download:
            download_and_extract_archive(self.url, self.root, filename=self.filename, md5=self.md5)
        if not os.path.isdir(base):
            raise RuntimeError(CORRUPTED)
        with open(os.path.join(base, "ImageSets", self.lists, f"{image_set}.txt")) as file:
            names = [line.strip() for line in file]
        self.images = [os.path.join(base, "JPEGImages", f"{name}.jpg") for name in names]
        self.targets = [os.path.join(base, self.folder, name + self.suffix) for name in names]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.transformed(default_loader(self.images[index]), self._target(self.targets[index]))


class VOCSegmentation(_VOC_):
    """Pascal VOC: pictures, and for each pixel the class of the object there, as a PIL image with a palette.

    Args:
        root: the folder that has VOCdevkit.
        year: "2007" to "2012".
        image_set: "train", "trainval" or "val"; "test" too in 2007.
        download: fetch and unpack the archive.

    Raises:
        ValueError: an unknown year or set.
        RuntimeError: the files are not there.
    """

    lists, folder, suffix = "Segmentation", "SegmentationClass", ".png"

    @property
    def masks(self):
        """The paths of the masks."""
        return self.targets

    def _target(self, path):
        return Image.open(path)


class VOCDetection(_VOC_):
    """Pascal VOC: pictures, and the boxes of the objects, as the file's XML in dicts. See :class:`VOCSegmentation`."""

    lists, folder, suffix = "Main", "Annotations", ".xml"

    @property
    def annotations(self):
        """The paths of the files about the pictures."""
        return self.targets

    def _target(self, path):
        return self.parse_voc_xml(ElementTree.parse(path).getroot())

    @staticmethod
    def parse_voc_xml(node):
        """{tag: text}, or {tag: {tag of a child: its value, or a list if there are several}}.

        "object" is always a list.
        """
        children = list(node)
        if not children:
            return {node.tag: node.text.strip()} if node.text else {}
        found = collections.defaultdict(list)
        for child in children:
            for tag, value in VOCDetection.parse_voc_xml(child).items():
                found[tag].append(value)
        if node.tag == "annotation":
            found["object"] = [found["object"]]
        return {node.tag: {tag: values[0] if len(values) == 1 else values for tag, values in found.items()}}


class CocoIndex:
    """A file of COCO: its pictures, and the annotations of each."""

    def __init__(self, path):
        with open(path) as file:
            self.dataset = json.load(file)
        self.imgs = {each["id"]: each for each in self.dataset.get("images", ())}
        self.anns = {each["id"]: each for each in self.dataset.get("annotations", ())}
        self.cats = {each["id"]: each for each in self.dataset.get("categories", ())}
        self.imgToAnns = collections.defaultdict(list)
        for each in self.anns.values():
            self.imgToAnns[each["image_id"]].append(each)


class CocoDetection(VisionDataset):
    """COCO: pictures, and a list with a dict for each object (bbox, category_id, segmentation, ...).

    Args:
        root: the folder of the pictures.
        annFile: the JSON file about them.

    Raises:
        FileNotFoundError: there is no such file.

    Differs from torch:
        `coco` holds the file's dicts and not pycocotools' class, which is not needed.
    """

    def __init__(self, root, annFile, transform=None, target_transform=None, transforms=None):
        super().__init__(root, transforms, transform, target_transform)
        self.coco = CocoIndex(annFile)
        self.ids = sorted(self.coco.imgs)

    def _load_image(self, id):
        return default_loader(os.path.join(self.root, self.coco.imgs[id]["file_name"]))

    def _load_target(self, id):
        return list(self.coco.imgToAnns[id])

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, index):
        if not isinstance(index, int):
            raise ValueError(f"Index must be of type integer, got {type(index)} instead.")
        id = self.ids[index]
        return self.transformed(self._load_image(id), self._load_target(id))


class CocoCaptions(CocoDetection):
    """COCO: pictures, and a list of sentences about each. See :class:`CocoDetection`."""

    def _load_target(self, id):
        return [each["caption"] for each in super()._load_target(id)]


class CelebA(VisionDataset):
    """202,599 pictures of famous people's faces.

    Args:
        root: the folder that has celeba.
        split: "train", "valid", "test" or "all".
        target_type: "attr" (40 yes or no), "identity", "bbox", "landmarks", or a list of them.
        download: fetch the files if they are not there.

    Raises:
        ValueError: an unknown split or type.
        RuntimeError: the files are not there, or are damaged.
    """

    base_folder = "celeba"
    file_list = [
        ("0B7EVK8r0v71pZjFTYXZWM3FlRnM", "00d2c5bc6d35e252742224ab0c1e8fcb", "img_align_celeba.zip"),
        ("0B7EVK8r0v71pblRyaVFSWGxPY0U", "75e246fa4810816ffd6ee81facbd244c", "list_attr_celeba.txt"),
        ("1_ee_0u7vcNLOfNLegJRHmolfH5ICW-XS", "32bd1bd63d3c78cd57e08160ec5ed1e2", "identity_CelebA.txt"),
        ("0B7EVK8r0v71pbThiMVRxWXZ4dU0", "00566efa6fedff7a56946cd1c10f1c16", "list_bbox_celeba.txt"),
        ("0B7EVK8r0v71pd0FJY3Blby1HUTQ", "cc24ecafdb5b50baae59b03474781f8c", "list_landmarks_align_celeba.txt"),
        ("0B7EVK8r0v71pY0NSMzRuSXJEVkk", "d32c9cbf5e040fd4025c592c306e6668", "list_eval_partition.txt"),
    ]

    def __init__(self, root, split="train", target_type="attr", transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.split = split
        self.target_type = target_type if isinstance(target_type, list) else [target_type]
        if not self.target_type and self.target_transform is not None:
            raise RuntimeError("target_transform is specified but target_type is empty")
        if download:
            self.download()
        if not self._check_integrity():
            raise RuntimeError(CORRUPTED)
        parts = {"train": 0, "valid": 1, "test": 2, "all": None}
        part = parts[verify_str_arg(split.lower() if isinstance(split, str) else split, "split", tuple(parts))]
        _, names, numbers = self._table("list_eval_partition.txt")
        chosen = slice(None) if part is None else numbers[:, 0] == part
        self.filename = list(np.asarray(names)[chosen])
        self.identity = from_numpy(self._table("identity_CelebA.txt")[2][chosen])
        self.bbox = from_numpy(self._table("list_bbox_celeba.txt", 1)[2][chosen])
        self.landmarks_align = from_numpy(self._table("list_landmarks_align_celeba.txt", 1)[2][chosen])
        self.attr_names, _, signs = self._table("list_attr_celeba.txt", 1)
        self.attr = from_numpy((signs[chosen] + 1) // 2)

    def _table(self, name, header=None):
        """(the names of the columns, of the rows, the numbers)."""
        with open(os.path.join(self.root, self.base_folder, name)) as file:
            rows = list(csv.reader(file, delimiter=" ", skipinitialspace=True))
        columns = [] if header is None else rows[header]
        rows = rows if header is None else rows[header + 1 :]
        return columns, [row[0] for row in rows], np.array([row[1:] for row in rows], np.int64)

    def _check_integrity(self):
        folder = os.path.join(self.root, self.base_folder)
        lists = [(name, md5) for _, md5, name in self.file_list if not name.endswith(".zip")]
        whole = all(check_integrity(os.path.join(folder, name), md5) for name, md5 in lists)
        return whole and os.path.isdir(os.path.join(folder, "img_align_celeba"))

    def download(self):
        """Fetch the files that are not there."""
        if self._check_integrity():
            return
        folder = os.path.join(self.root, self.base_folder)
        for number, md5, name in self.file_list:
            download_file_from_google_drive(number, folder, name, md5)
        extract_archive(os.path.join(folder, "img_align_celeba.zip"))

    def __len__(self):
        return len(self.attr)

    def __getitem__(self, index):
        picture = Image.open(os.path.join(self.root, self.base_folder, "img_align_celeba", self.filename[index]))
        known = {
            "attr": lambda: self.attr[index],
            "identity": lambda: self.identity[index, 0],
            "bbox": lambda: self.bbox[index],
            "landmarks": lambda: self.landmarks_align[index],
        }
        for kind in self.target_type:
            if kind not in known:
                raise ValueError(f'Target type "{kind}" is not recognized.')
        target = tuple(known[kind]() for kind in self.target_type)
        picture = picture if self.transform is None else self.transform(picture)
        if not target:
            return picture, None
        target = target if len(target) > 1 else target[0]
        return picture, target if self.target_transform is None else self.target_transform(target)

    def extra_repr(self):
        return f"Target type: {self.target_type}\nSplit: {self.split}"


class SBDataset(VisionDataset):
    """Semantic Boundaries: VOC's pictures, and the outlines or the areas of the objects.

    Args:
        root: the folder that has img, cls and the lists.
        image_set: "train", "val" or "train_noval".
        mode: "boundaries", an array (20, H, W), or "segmentation", a PIL image.
        download: fetch and unpack the archive.
        transforms: a function of (picture, target).

    Raises:
        ValueError: an unknown set or mode.
        RuntimeError: the folder is not there.
    """

    url = "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/grouping/semantic_contours/benchmark.tgz"
    md5 = "82b4d87ceb2ed10f6038a1cba92111cb"
    voc_train_url = "https://www.cs.cornell.edu/~bharathh/train_noval.txt"
    voc_split_md5 = "79bff800c5f0b1ec6b21080a3c066722"
    num_classes = 20

    def __init__(self, root, image_set="train", mode="boundaries", download=False, transforms=None):
        super().__init__(root, transforms)
        self.image_set = verify_str_arg(image_set, "image_set", ("train", "val", "train_noval"))
        self.mode = verify_str_arg(mode, "mode", ("segmentation", "boundaries"))
        if download:
            self.download()
        if not os.path.isdir(self.root):
            raise RuntimeError(CORRUPTED)
        with open(os.path.join(self.root, f"{image_set}.txt")) as file:
            names = [line.strip() for line in file]
        self.images = [os.path.join(self.root, "img", f"{name}.jpg") for name in names]
        self.masks = [os.path.join(self.root, "cls", f"{name}.mat") for name in names]

    def download(self):
        """Fetch and unpack the archive, and the list without VOC's pictures."""
        download_and_extract_archive(self.url, self.root, md5=self.md5)
        unpacked = os.path.join(self.root, "benchmark_RELEASE", "dataset")
        for name in ("cls", "img", "inst", "train.txt", "val.txt"):
            os.rename(os.path.join(unpacked, name), os.path.join(self.root, name))
        if self.image_set == "train_noval":
            download_url(self.voc_train_url, self.root, "train_noval.txt", self.voc_split_md5)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        known = read_mat(self.masks[index])["GTcls"][0]
        target = (
            Image.fromarray(known["Segmentation"])
            if self.mode == "segmentation"
            else np.stack([known["Boundaries"][i] for i in range(self.num_classes)])
        )
        return self.transformed(Image.open(self.images[index]).convert("RGB"), target)

    def extra_repr(self):
        return f"Image set: {self.image_set}\nMode: {self.mode}"
