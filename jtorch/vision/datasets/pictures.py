"""Data sets that are image files with lists of labels: flowers, food, pets, textures, aircraft, signs, cars, ...

A subclass of `ListedImages` says where its files are and reads its list; the rest is the same for all.
"""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

from PIL import Image

from .cifar import CORRUPTED
from .folder import ImageFolder, default_loader, find_classes, make_dataset
from .mat import read_mat
from .mnist import MISSING
from .utils import check_integrity, download_and_extract_archive, download_url, verify_str_arg
from .vision import VisionDataset

_FLOWERS = """
pink primrose; hard-leaved pocket orchid; canterbury bells; sweet pea; english marigold; tiger lily; moon
orchid; bird of paradise; monkshood; globe thistle; snapdragon; colt's foot; king protea; spear thistle; yellow
iris; globe-flower; purple coneflower; peruvian lily; balloon flower; giant white arum lily; fire lily;
pincushion flower; fritillary; red ginger; grape hyacinth; corn poppy; prince of wales feathers; stemless
gentian; artichoke; sweet william; carnation; garden phlox; love in the mist; mexican aster; alpine sea holly;
ruby-lipped cattleya; cape flower; great masterwort; siam tulip; lenten rose; barbeton daisy; daffodil; sword
lily; poinsettia; bolero deep blue; wallflower; marigold; buttercup; oxeye daisy; common dandelion; petunia;
wild pansy; primula; sunflower; pelargonium; bishop of llandaff; gaura; geranium; orange dahlia; pink-yellow
dahlia?; cautleya spicata; japanese anemone; black-eyed susan; silverbush; californian poppy; osteospermum;
spring crocus; bearded iris; windflower; tree poppy; gazania; azalea; water lily; rose; thorn apple; morning
glory; passion flower; lotus; toad lily; anthurium; frangipani; clematis; hibiscus; columbine; desert-rose; tree
mallow; magnolia; cyclamen; watercress; canna lily; hippeastrum; bee balm; ball moss; foxglove; bougainvillea;
camellia; mallow; mexican petunia; bromelia; blanket flower; trumpet creeper; blackberry lily
"""


class ListedImages(VisionDataset):
    """Image files and their labels. A file is read when its item is.

    Args:
        root: the folder of all data sets.
        split: which part.
        transform: a function of the picture, a PIL image.
        target_transform: a function of the label.
        download: fetch the files if they are not there.
        loader: a function that reads the picture at a path.

    Raises:
        ValueError: an unknown split.
        RuntimeError: the files are not there and `download` is False, or they cannot be fetched.
    """

    splits: tuple[str, ...] = ("train", "test")
    missing = MISSING

    def __init__(
        self,
        root,
        split="train",
        transform=None,
        target_transform=None,
        download=False,
        loader=default_loader,
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self._split = verify_str_arg(split, "split", self.splits)
        self.loader = loader
        self._open(download)

    def _open(self, download):
        if download:
            self.download()
        if not self._exists():
            raise RuntimeError(self.missing)
        self._samples = self._listed()

    def _exists(self):
        raise NotImplementedError

    def _listed(self):
        """(path, label) of each item."""
        raise NotImplementedError

    def _fetch(self):
        """Fetch and unpack the files."""
        raise NotImplementedError

    def download(self):
        """Fetch and unpack the files that are not there."""
        if not self._exists():
            self._fetch()

    def _numbered(self, classes):
        """Set `classes`, the names; returns the number of each."""
        self.classes = list(classes)
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        return self.class_to_idx

    def __len__(self):
        return len(self._samples)

    def __getitem__(self, index):
        path, label = self._samples[index]
        return self.transformed(self.loader(path), label)

    def extra_repr(self):
        return f"split={self._split}"


ListedImages.class_to_idx = None  # each object has its own


class Flowers102(ListedImages):
    """8,189 pictures of flowers in 102 classes. See :class:`ListedImages`."""

    splits = ("train", "val", "test")
    missing = CORRUPTED
    home = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
    classes = " ".join(_FLOWERS.split()).split("; ")
    archive = ("102flowers.tgz", "52808999861908f626f3c1f4e79d11fa")
    lists = {
        "label": ("imagelabels.mat", "e0620be6f572b9609742df49c70aed4d"),
        "setid": ("setid.mat", "a5357ecc9cb78c4bef273ce3793fc85c"),
    }

    @property
    def _base(self):
        return Path(self.root) / "flowers-102"

    def _exists(self):
        return (self._base / "jpg").is_dir() and all(
            check_integrity(self._base / name, md5) for name, md5 in self.lists.values()
        )

    def _fetch(self):
        name, md5 = self.archive
        download_and_extract_archive(self.home + name, self._base, md5=md5)
        for name, md5 in self.lists.values():
            download_url(self.home + name, self._base, md5=md5)

    def _listed(self):
        part = {"train": "trnid", "val": "valid", "test": "tstid"}[self._split]
        ids = read_mat(self._base / "setid.mat")[part].ravel().astype(int).tolist()
        labels = (read_mat(self._base / "imagelabels.mat")["labels"].ravel().astype(int) - 1).tolist()
        return [(self._base / "jpg" / f"image_{i:05d}.jpg", labels[i - 1]) for i in ids]


class Food101(ListedImages):
    """101,000 pictures of food in 101 classes. See :class:`ListedImages`."""

    url = "http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz"
    md5 = "85eeb15f3717b99a5da872d97d918f87"

    @property
    def _base(self):
        return Path(self.root) / "food-101"

    def _exists(self):
        return all((self._base / name).is_dir() for name in ("meta", "images"))

    def _fetch(self):
        download_and_extract_archive(self.url, self.root, md5=self.md5)

    def _listed(self):
        names = json.loads((self._base / "meta" / f"{self._split}.json").read_text())
        number = self._numbered(sorted(names))
        return [
            (self._base / "images" / Path(*f"{path}.jpg".split("/")), number[name])
            for name, paths in names.items()
            for path in paths
        ]


class DTD(ListedImages):
    """5,640 pictures of textures in 47 classes, split in ten ways. See :class:`ListedImages`.

    Args:
        partition: 1 to 10.
    """

    splits = ("train", "val", "test")
    url = "https://www.robots.ox.ac.uk/~vgg/data/dtd/download/dtd-r1.0.1.tar.gz"
    md5 = "fff73e5086ae6bdbea199a49dfb8a4c1"

    def __init__(
        self,
        root,
        split="train",
        partition=1,
        transform=None,
        target_transform=None,
        download=False,
        loader=default_loader,
    ):
        verify_str_arg(split, "split", self.splits)
        if not isinstance(partition, int) or not 1 <= partition <= 10:
            raise ValueError(
                f"Parameter 'partition' should be an integer with `1 <= partition <= 10`, but got {partition} instead"
            )
        self._partition = partition
        super().__init__(root, split, transform, target_transform, download, loader)

    @property
    def _base(self):
        return Path(self.root) / "dtd" / "dtd"

    def _exists(self):
        return self._base.is_dir()

    def _fetch(self):
        download_and_extract_archive(self.url, self._base.parent, md5=self.md5)

    def _listed(self):
        lines = (self._base / "labels" / f"{self._split}{self._partition}.txt").read_text().split()
        number = self._numbered(sorted({line.split("/")[0] for line in lines}))
        return [(self._base / "images" / Path(*line.split("/")), number[line.split("/")[0]]) for line in lines]

    def extra_repr(self):
        return f"split={self._split}, partition={self._partition}"


class FGVCAircraft(ListedImages):
    """10,000 pictures of aircraft, by variant, family or manufacturer. See :class:`ListedImages`.

    Args:
        annotation_level: "variant", "family" or "manufacturer".
    """

    splits = ("train", "val", "trainval", "test")
    url = "https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/archives/fgvc-aircraft-2013b.tar.gz"
    levels = {"variant": "variants", "family": "families", "manufacturer": "manufacturers"}

    def __init__(
        self,
        root,
        split="trainval",
        annotation_level="variant",
        transform=None,
        target_transform=None,
        download=False,
        loader=default_loader,
    ):
        verify_str_arg(split, "split", self.splits)
        self._level = verify_str_arg(annotation_level, "annotation_level", tuple(self.levels))
        super().__init__(root, split, transform, target_transform, download, loader)

    @property
    def _base(self):
        return Path(self.root) / "fgvc-aircraft-2013b"

    def _exists(self):
        return self._base.is_dir()

    def _fetch(self):
        download_and_extract_archive(self.url, self.root)

    def _listed(self):
        folder = self._base / "data"
        number = self._numbered((folder / f"{self.levels[self._level]}.txt").read_text().splitlines())
        lines = (folder / f"images_{self._level}_{self._split}.txt").read_text().splitlines()
        pairs = [line.split(" ", 1) for line in lines]
        return [(str(folder / "images" / f"{name}.jpg"), number[label.strip()]) for name, label in pairs]

    def extra_repr(self):
        return ""


class GTSRB(ListedImages):
    """51,839 pictures of German traffic signs in 43 classes. See :class:`ListedImages`."""

    home = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370/"
    archives = {
        "train": [("GTSRB-Training_fixed.zip", "513f3c79a4c5141765e10e952eaa2478")],
        "test": [
            ("GTSRB_Final_Test_Images.zip", "c7e4e6327067d32654124b0fe9e82185"),
            ("GTSRB_Final_Test_GT.zip", "fe31e9c9270bbcd7b84b7f21a9d9d9e5"),
        ],
    }

    def __init__(self, root, split="train", transform=None, target_transform=None, download=False):
        super().__init__(root, split, transform, target_transform, download)

    @property
    def _base(self):
        return Path(self.root) / "gtsrb"

    @property
    def _folder(self):
        return self._base / "GTSRB" / ("Training" if self._split == "train" else "Final_Test/Images")

    def _exists(self):
        return self._folder.is_dir()

    def _fetch(self):
        for name, md5 in self.archives[self._split]:
            download_and_extract_archive(self.home + name, self._base, md5=md5)

    def _listed(self):
        if self._split == "train":
            return make_dataset(self._folder, extensions=(".ppm",))
        with open(self._base / "GT-final_test.csv") as file:
            rows = list(csv.DictReader(file, delimiter=";", skipinitialspace=True))
        return [(str(self._folder / row["Filename"]), int(row["ClassId"])) for row in rows]

    def extra_repr(self):
        return ""


class StanfordCars(ListedImages):
    """16,185 pictures of cars in 196 classes. See :class:`ListedImages`. The files can no longer be fetched."""

    missing = "Dataset not found."

    @property
    def _base(self):
        return Path(self.root) / "stanford_cars"

    def _files(self):
        """(the list of the part, the folder of its pictures)."""
        if self._split == "train":
            return self._base / "devkit" / "cars_train_annos.mat", self._base / "cars_train"
        return self._base / "cars_test_annos_withlabels.mat", self._base / "cars_test"

    def _exists(self):
        lists, folder = self._files()
        return (self._base / "devkit").is_dir() and lists.exists() and folder.is_dir()

    def download(self):
        raise ValueError("The original URL is broken so the StanfordCars dataset cannot be downloaded anymore.")

    def _listed(self):
        lists, folder = self._files()
        self._numbered(read_mat(self._base / "devkit" / "cars_meta.mat")["class_names"])
        rows = read_mat(lists)["annotations"]
        return [(str(folder / row["fname"]), int(row["class"].item()) - 1) for row in rows]

    def extra_repr(self):
        return ""


class RenderedSST2(ListedImages):
    """9,613 sentences about films, written on pictures: negative or positive. See :class:`ListedImages`."""

    splits = ("train", "val", "test")
    url = "https://openaipublic.azureedge.net/clip/data/rendered-sst2.tgz"
    md5 = "2384d08e9dcfa4bd55b324e610496ee5"

    @property
    def _folder(self):
        return Path(self.root) / "rendered-sst2" / {"val": "valid"}.get(self._split, self._split)

    def _exists(self):
        return all((self._folder / name).is_dir() for name in ("negative", "positive"))

    def _fetch(self):
        download_and_extract_archive(self.url, self.root, md5=self.md5)

    def _listed(self):
        self._numbered(["negative", "positive"])
        return make_dataset(self._folder, extensions=("png",))


class OxfordIIITPet(ListedImages):
    """7,349 pictures of cats and dogs of 37 breeds. See :class:`ListedImages`.

    Args:
        target_types: "category", "binary-category", "segmentation", or a list of them.
    """

    splits = ("trainval", "test")
    home = "https://www.robots.ox.ac.uk/~vgg/data/pets/data/"
    archives = {
        "images.tar.gz": "5c4f3ee8e5d25df40f4fd59a7f44e54c",
        "annotations.tar.gz": "95a8c909bbe2e81eed6a22bccdf3f68f",
    }

    def __init__(
        self,
        root,
        split="trainval",
        target_types="category",
        transforms=None,
        transform=None,
        target_transform=None,
        download=False,
    ):
        self._split = verify_str_arg(split, "split", self.splits)
        kinds = [target_types] if isinstance(target_types, str) else target_types
        known = ("category", "binary-category", "segmentation")
        self._target_types = [verify_str_arg(kind, "target_types", known) for kind in kinds]
        VisionDataset.__init__(self, root, transforms, transform, target_transform)
        self._open(download)

    @property
    def _base(self):
        return Path(self.root) / "oxford-iiit-pet"

    def _exists(self):
        return all((self._base / name).is_dir() for name in ("images", "annotations"))

    def _fetch(self):
        for name, md5 in self.archives.items():
            download_and_extract_archive(self.home + name, self._base, md5=md5)

    def _listed(self):
        lines = (self._base / "annotations" / f"{self._split}.txt").read_text().splitlines()
        rows = [line.split() for line in lines]
        breeds = sorted({(name.rsplit("_", 1)[0], int(number)) for name, number, *_ in rows}, key=lambda pair: pair[1])
        self._numbered(" ".join(part.title() for part in name.split("_")) for name, _ in breeds)
        self.bin_classes = ["Cat", "Dog"]
        self.bin_class_to_idx = {"Cat": 0, "Dog": 1}
        return [(name, int(number) - 1, int(kind) - 1) for name, number, kind, _ in rows]

    def __getitem__(self, index):
        name, label, kind = self._samples[index]
        trimap = self._base / "annotations" / "trimaps" / f"{name}.png"
        targets = {
            "category": lambda: label,
            "binary-category": lambda: kind,
            "segmentation": lambda: Image.open(trimap),
        }
        target = tuple(targets[kind]() for kind in self._target_types)
        picture = default_loader(self._base / "images" / f"{name}.jpg")
        return self.transformed(picture, target[0] if len(target) == 1 else target or None)

    def extra_repr(self):
        return ""


class Imagenette(ListedImages):
    """Ten easy classes of ImageNet. See :class:`ListedImages`.

    Args:
        size: "full", "320px" or "160px".
    """

    splits = ("train", "val")
    missing = f"{MISSING}."
    home = "https://s3.amazonaws.com/fast-ai-imageclas/"
    archives = {
        "full": ("imagenette2.tgz", "fe2fc210e6bb7c5664d602c3cd71e612"),
        "320px": ("imagenette2-320.tgz", "3df6f0d01a2c9592104656642f5e78a3"),
        "160px": ("imagenette2-160.tgz", "e793b78cc4c9e9a4ccc0c1155377a412"),
    }
    names = {
        "n01440764": ("tench", "Tinca tinca"),
        "n02102040": ("English springer", "English springer spaniel"),
        "n02979186": ("cassette player",),
        "n03000684": ("chain saw", "chainsaw"),
        "n03028079": ("church", "church building"),
        "n03394916": ("French horn", "horn"),
        "n03417042": ("garbage truck", "dustcart"),
        "n03425413": ("gas pump", "gasoline pump", "petrol pump", "island dispenser"),
        "n03445777": ("golf ball",),
        "n03888257": ("parachute", "chute"),
    }

    def __init__(
        self,
        root,
        split="train",
        size="full",
        download=False,
        transform=None,
        target_transform=None,
        loader=default_loader,
    ):
        verify_str_arg(split, "split", self.splits)
        self._size = verify_str_arg(size, "size", tuple(self.archives))
        super().__init__(root, split, transform, target_transform, download, loader)

    @property
    def _base(self):
        return Path(self.root) / Path(self.archives[self._size][0]).stem

    def _exists(self):
        return self._base.exists()

    def _fetch(self):
        name, md5 = self.archives[self._size]
        download_and_extract_archive(self.home + name, self.root, md5=md5)

    def _listed(self):
        folder = self._base / self._split
        self.wnids, self.wnid_to_idx = find_classes(folder)
        self.classes = [self.names[wnid] for wnid in self.wnids]
        self.class_to_idx = {name: i for wnid, i in self.wnid_to_idx.items() for name in self.names[wnid]}
        return make_dataset(folder, self.wnid_to_idx, extensions=".jpeg")

    def extra_repr(self):
        return ""


class EuroSAT(ImageFolder):
    """27,000 satellite pictures in 10 classes. See :class:`ImageFolder`.

    Raises:
        RuntimeError: the files are not there and `download` is False.
    """

    url = (
        "https://huggingface.co/datasets/torchgeo/eurosat/resolve/c877bcd43f099cd0196738f714544e355477f3fd/EuroSAT.zip"
    )
    md5 = "c8fa014336c82ac7804f0398fcb19387"

    def __init__(self, root, transform=None, target_transform=None, download=False, loader=default_loader):
        root = os.path.expanduser(root)
        folder = os.path.join(root, "eurosat", "2750")
        if download and not os.path.exists(folder):
            download_and_extract_archive(self.url, os.path.join(root, "eurosat"), md5=self.md5)
        if not os.path.exists(folder):
            raise RuntimeError(MISSING)
        super().__init__(folder, transform, target_transform, loader)
        self.root = root


class Country211(ImageFolder):
    """63,300 pictures from 211 countries. See :class:`ImageFolder`.

    Args:
        split: "train", "valid" or "test".

    Raises:
        RuntimeError: the files are not there and `download` is False.
    """

    url = "https://openaipublic.azureedge.net/clip/data/country211.tgz"
    md5 = "84988d7644798601126c29e9877aab6a"

    def __init__(
        self,
        root,
        split="train",
        transform=None,
        target_transform=None,
        download=False,
        loader=default_loader,
    ):
        self._split = verify_str_arg(split, "split", ("train", "valid", "test"))
        root = os.path.expanduser(root)
        folder = os.path.join(root, "country211")
        if download and not os.path.isdir(folder):
            download_and_extract_archive(self.url, root, md5=self.md5)
        if not os.path.isdir(folder):
            raise RuntimeError(MISSING)
        super().__init__(os.path.join(folder, self._split), transform, target_transform, loader)
        self.root = str(root)
