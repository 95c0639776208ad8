"""Data sets of pictures and sentences about them: Flickr8k, Flickr30k and SBU."""

from __future__ import annotations

import contextlib
import glob
import os
from collections import defaultdict
from html.parser import HTMLParser

from .cifar import CORRUPTED
from .folder import default_loader
from .utils import check_integrity, download_and_extract_archive, download_url
from .vision import VisionDataset


class Flickr8kParser(HTMLParser):
    """Reads Flickr8k's HTML page. `annotations` maps each picture in the folder `root` to its sentences."""

    def __init__(self, root):
        super().__init__()
        self.root = root
        self.annotations: dict[str, list[str]] = {}
        self._inside, self._tag, self._picture = False, None, None

    def handle_starttag(self, tag, attrs):
        self._tag = tag
        self._inside = self._inside or tag == "table"

    def handle_endtag(self, tag):
        self._tag = None
        self._inside = self._inside and tag != "table"

    def handle_data(self, data):
        if not self._inside:
            return
        if data == "Image Not Found":
            self._picture = None
        elif self._tag == "a":
            self._picture = glob.glob(os.path.join(self.root, f"{data.split('/')[-2]}_*.jpg"))[0]
            self.annotations[self._picture] = []
        elif self._tag == "li" and self._picture:
            self.annotations[self._picture].append(data.strip())


class _Flickr(VisionDataset):
    """Pictures, and a list of sentences about each.

    Args:
        root: the folder of the pictures.
        ann_file: the file of the sentences.
        loader: a function that reads the picture at a path.

    Raises:
        FileNotFoundError: there is no such file.
    """

    def __init__(self, root, ann_file, transform=None, target_transform=None, loader=default_loader):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.ann_file, self.loader = os.path.expanduser(ann_file), loader
        with open(self.ann_file) as file:
            self.annotations = self._parsed(file)
        self.ids = sorted(self.annotations)

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, index):
        name = self.ids[index]
        return self.transformed(self.loader(os.path.join(self.root, name)), self.annotations[name])


class Flickr8k(_Flickr):
    """8,000 pictures, each with five sentences."""

    __doc__ = _Flickr.__doc__

    def _parsed(self, file):
        parser = Flickr8kParser(self.root)
        parser.feed(file.read())
        return parser.annotations


class Flickr30k(_Flickr):
    """30,000 pictures, each with five sentences."""

    __doc__ = _Flickr.__doc__

    def _parsed(self, file):
        found = defaultdict(list)
        for line in file:
            name, sentence = line.strip().split("\t")
            found[name[:-2]].append(sentence)
        return found


class SBU(VisionDataset):
    """A million pictures of Flickr, and a sentence about each.

    Args:
        root: the folder that has the archive and dataset.
        download: fetch the archive if it is not there, and the pictures that are still online.
        loader: a function that reads the picture at a path.

    Raises:
        RuntimeError: the archive is not there, or is damaged.
    """

    url = "https://www.cs.rice.edu/~vo9/sbucaptions/SBUCaptionedPhotoDataset.tar.gz"
    filename = "SBUCaptionedPhotoDataset.tar.gz"
    md5_checksum = "9aec147b3488753cf758b4d493422285"

    def __init__(self, root, transform=None, target_transform=None, download=True, loader=default_loader):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.loader = loader
        if download:
            self.download()
        if not self._check_integrity():
            raise RuntimeError(CORRUPTED)
        names = [os.path.basename(address) for address in self._lines("urls")]
        there = [
            (name, text)
            for name, text in zip(names, self._lines("captions"), strict=False)
            if os.path.exists(os.path.join(self.root, "dataset", name))
        ]
        self.photos, self.captions = [name for name, _ in there], [text for _, text in there]

    def _lines(self, kind):
        with open(os.path.join(self.root, "dataset", f"SBU_captioned_photo_dataset_{kind}.txt")) as file:
            return [line.rstrip() for line in file]

    def _check_integrity(self):
        return check_integrity(os.path.join(self.root, self.filename), self.md5_checksum)

    def download(self):
        """Fetch the archive if it is not there, and then the pictures."""
        if self._check_integrity():
            return
        download_and_extract_archive(self.url, self.root, self.root, self.filename, self.md5_checksum)
        for address in self._lines("urls"):
            with contextlib.suppress(OSError):  # its owner has deleted it
                download_url(address, os.path.join(self.root, "dataset"))

    def __len__(self):
        return len(self.photos)

    def __getitem__(self, index):
        path = os.path.join(self.root, "dataset", self.photos[index])
        return self.transformed(self.loader(path), self.captions[index])
