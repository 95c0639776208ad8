"""ImageNet of 2012, from the archives that image-net.org gives out."""

from __future__ import annotations

import os
import shutil
import tempfile

from jtorch.serialization import load, save

from .folder import ImageFolder
from .mat import read_mat
from .utils import check_integrity, extract_archive, verify_str_arg

ARCHIVE_META = {
    "train": ("ILSVRC2012_img_train.tar", "1d675b47d978889d74fa0da5fadfb00e"),
    "val": ("ILSVRC2012_img_val.tar", "29b22e2961454d5413ddabcf34fc5622"),
    "devkit": ("ILSVRC2012_devkit_t12.tar.gz", "fa75699e90414af021442c21a62c3abf"),
}
META_FILE = "meta.bin"


class ImageNet(ImageFolder):
    """1.3 million pictures in 1,000 classes: a folder for each class, named by its number in WordNet.

    The first time, the archives are unpacked that image-net.org gives out to those who ask for them: the development kit, and
    the pictures of the split.

    Args:
        root: the folder that has the archives, or what is unpacked from them.
        split: "train" or "val".
        kwargs: arguments of :class:`ImageFolder`.

    Attributes:
        wnids: the numbers in WordNet; `wnid_to_idx` the class of each.
        classes: the names of each class, a tuple; `class_to_idx` the class of each name.

    Raises:
        ValueError: an unknown split.
        RuntimeError: an archive is not there, or is damaged.
    """

    def __init__(self, root, split="train", **kwargs):
        root = self.root = os.path.expanduser(root)
        self.split = verify_str_arg(split, "split", ("train", "val"))
        self.parse_archives()
        names = load_meta_file(root)[0]
        super().__init__(self.split_folder, **kwargs)
        self.root = root
        self.wnids, self.wnid_to_idx = self.classes, self.class_to_idx
        self.classes = [names[wnid] for wnid in self.wnids]
        self.class_to_idx = {name: number for number, each in enumerate(self.classes) for name in each}

    def parse_archives(self):
        """Unpack the archives that are not unpacked yet."""
        if not check_integrity(os.path.join(self.root, META_FILE)):
            parse_devkit_archive(self.root)
        if not os.path.isdir(self.split_folder):
            unpack = parse_train_archive if self.split == "train" else parse_val_archive
            unpack(self.root)

    @property
    def split_folder(self):
        """The folder of the pictures."""
        return os.path.join(self.root, self.split)

    def extra_repr(self):
        return f"Split: {self.split}"


def load_meta_file(root, file=None):
    """(names of the classes by their numbers in WordNet, the numbers of the pictures for validation).

    Raises:
        RuntimeError: the file is not there.
    """
    path = os.path.join(root, META_FILE if file is None else file)
    if not check_integrity(path):
        raise RuntimeError(
            f"The meta file {path} is not present in the root directory or is corrupted. "
            "This file is automatically created by the ImageNet dataset."
        )
    return load(path, weights_only=True)


def _archive(root, part, file):
    """The path of an archive, if it is whole."""
    name, md5 = ARCHIVE_META[part]
    file = name if file is None else file
    if not check_integrity(os.path.join(root, file), md5):
        raise RuntimeError(
            f"The archive {file} is not present in the root directory or is corrupted. "
            f"You need to download it externally and place it in {root}."
        )
    return os.path.join(root, file)


def parse_devkit_archive(root, file=None):
    """Write meta.bin, what `load_meta_file` reads, from the development kit."""
    archive = _archive(root, "devkit", file)
    with tempfile.TemporaryDirectory() as folder:
        extract_archive(archive, folder)
        data = os.path.join(folder, "ILSVRC2012_devkit_t12", "data")
        leaves = [row for row in read_mat(os.path.join(data, "meta.mat"))["synsets"] if not row["num_children"].item()]
        names = {row["WNID"]: tuple(row["words"].split(", ")) for row in leaves}
        wnids = {int(row["ILSVRC2012_ID"].item()): row["WNID"] for row in leaves}
        with open(os.path.join(data, "ILSVRC2012_validation_ground_truth.txt")) as lines:
            validation = [wnids[int(line)] for line in lines]
    save((names, validation), os.path.join(root, META_FILE))


def _unpacked(archive, folder, arrange):
    """Unpack into a temporary folder, and rename it when all files are in place: a folder with the name is complete."""
    beside = tempfile.mkdtemp(prefix=f"{os.path.basename(folder)}.", dir=os.path.dirname(folder) or ".")
    try:
        extract_archive(archive, beside)
        arrange(beside)
        os.chmod(beside, 0o755)
        os.rename(beside, folder)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise


def parse_train_archive(root, file=None, folder="train"):
    """Unpack the pictures for training: an archive of one archive for each class."""

    def arrange(path):
        for name in os.listdir(path):
            archive = os.path.join(path, name)
            extract_archive(archive, os.path.splitext(archive)[0], remove_finished=True)

    _unpacked(_archive(root, "train", file), os.path.join(root, folder), arrange)


def parse_val_archive(root, file=None, wnids=None, folder="val"):
    """Unpack the pictures for validation, and put each into the folder of its class.

    Args:
        wnids: the classes of the pictures, sorted by their names; None: as the development kit says.
    """
    archive = _archive(root, "val", file)
    wnids = load_meta_file(root)[1] if wnids is None else wnids

    def arrange(path):
        names = sorted(os.listdir(path))
        for wnid in set(wnids):
            os.mkdir(os.path.join(path, wnid))
        for wnid, name in zip(wnids, names, strict=False):
            shutil.move(os.path.join(path, name), os.path.join(path, wnid, name))

    _unpacked(archive, os.path.join(root, folder), arrange)
