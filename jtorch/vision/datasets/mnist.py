"""MNIST and the sets of its form: grey pictures of 28 x 28 pixels in files of the idx format."""

from __future__ import annotations

import os
import shutil
import string
import warnings
from urllib.error import URLError

import numpy as np
from PIL import Image

from jtorch.core.tensor import from_numpy

from .utils import check_integrity, download_and_extract_archive, extract_archive, verify_str_arg
from .vision import VisionDataset

MISSING = "Dataset not found. You can use download=True to download it"
_DIGITS = [f"{i} - {name}" for i, name in enumerate("zero one two three four five six seven eight nine".split())]
_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_PARTS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def read_idx(path, ndim=None):
    """The array in a file of the idx format: a type, the sizes, the numbers, most significant byte first.

    Raises:
        RuntimeError: the file is not an idx file, is cut off, or has another number of dimensions.
    """
    with open(path, "rb") as file:
        data = file.read()
    kind, dims = (data[2], data[3]) if len(data) >= 4 and data[:2] == b"\0\0" else (0, 0)
    if kind not in _TYPES or not 1 <= dims <= 3 or len(data) < 4 + 4 * dims:
        raise RuntimeError(f"'{path}' is not an idx file")
    shape = np.frombuffer(data, ">u4", dims, 4).astype(int)
    dtype, count = np.dtype(_TYPES[kind]), int(np.prod(shape))
    if len(data) - 4 - 4 * dims < count * dtype.itemsize:
        raise RuntimeError(f"'{path}' is cut off: it has {len(data)} bytes")
    if ndim is not None and dims != ndim:
        raise RuntimeError(f"'{path}' should have {ndim} dimensions instead of {dims}")
    return np.frombuffer(data, dtype, count, 4 + 4 * dims).astype(dtype.newbyteorder("=")).reshape(shape)


class MNIST(VisionDataset):
    """60,000 and 10,000 handwritten digits, 28 x 28, grey. `data` is a uint8 Tensor (N, 28, 28).

    The files are in root/MNIST/raw, as torchvision puts them.

    Args:
        root: the folder of all data sets.
        train: read the training part. False: the test part.
        transform: a function of the picture, a PIL image.
        target_transform: a function of the label, an int.
        download: fetch the files if they are not there.

    Raises:
        RuntimeError: the files are not there and `download` is False; they cannot be fetched; or they are damaged.
    """

    mirrors = ["https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/"]
    sums = (
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "d53e105ee54ea40749a09fcbcd1e9432",
        "9fb629c4189551a2d022fa330f9573f3",
        "ec29112dd5afa0611ce80d1b7f02629c",
    )
    classes = _DIGITS

    def __init__(self, root, train=True, transform=None, target_transform=None, download=False):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.train = train
        if download:
            self.download()
        if not self._check_exists():
            raise RuntimeError(MISSING)
        self.data, self.targets = self._load_data()

    @property
    def resources(self):
        """(the name of a file, its MD5 sum), of the four files."""
        return [(f"{name}.gz", md5) for name, md5 in zip(_PARTS, self.sums, strict=True)]

    @property
    def raw_folder(self):
        """Where the files are."""
        return os.path.join(self.root, type(self).__name__, "raw")

    def _files(self):
        """(pictures, labels): the names of the two files of this part."""
        return _PARTS[:2] if self.train else _PARTS[2:]

    def _check_exists(self):
        return all(check_integrity(os.path.join(self.raw_folder, name)) for name in _PARTS)

    def _load_data(self):
        pictures, labels = (os.path.join(self.raw_folder, name) for name in self._files())
        return from_numpy(read_idx(pictures, 3)), from_numpy(read_idx(labels, 1).astype(np.int64))

    def download(self):
        """Fetch and unpack the files that are not there."""
        if self._check_exists():
            return
        for name, md5 in self.resources:
            fetch_from(self.mirrors, name, self.raw_folder, md5)

    def extra_repr(self):
        return f"Split: {'Train' if self.train is True else 'Test'}"


def fetch_from(mirrors, name, folder, md5):
    """Fetch a file from the first address that has it, and unpack it.

    Raises:
        RuntimeError: no address has it; the message says what each answered.
    """
    errors = []
    for mirror in mirrors:
        try:
            download_and_extract_archive(mirror + name, folder, filename=name, md5=md5)
            return
        except (RuntimeError, URLError) as error:
            errors.append(f"Tried {mirror}, got:\n{error}\n")
    raise RuntimeError(f"Error downloading {name}:\n{''.join(errors)}")


for _name, _new in (("data", "data"), ("labels", "targets")):
    for _part in ("train", "test"):

        def _old(self, old=f"{_part}_{_name}", new=_new):
            warnings.warn(f"{old} has been renamed {new}", stacklevel=2)
            return getattr(self, new)

        setattr(MNIST, f"{_part}_{_name}", property(_old))


class FashionMNIST(MNIST):
    """60,000 and 10,000 pieces of clothing, 28 x 28, grey. See :class:`MNIST`."""

    mirrors = ["http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"]
    sums = (
        "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "25c81989df183df01b3e8a0aad5dffbe",
        "bef4ecab320f06d8554ea6380940ec79",
        "bb300cfdad3c16e7a12a480ee83cd310",
    )
    classes = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot".split(",")


class KMNIST(MNIST):
    """60,000 and 10,000 Japanese characters in cursive, 28 x 28, grey. See :class:`MNIST`."""

    mirrors = ["http://codh.rois.ac.jp/kmnist/dataset/kmnist/"]
    sums = (
        "bdb82020997e1d708af4cf47b453dcf7",
        "e144d726b3acfaa3e44228e80efcd344",
        "5c965bf0a639b31b8f53240b1b52f4d7",
        "7320c461ea6c1c855c0b718fb2a4b134",
    )
    classes = "o ki su tsu na ha ma ya re wo".split()


_LETTERS_AND_DIGITS = sorted(string.digits + string.ascii_letters)
_MERGED = sorted(
    set(_LETTERS_AND_DIGITS) - set("cijklmopsuvwxyz")
)  # lower-case letters that look like capitals are left out


class EMNIST(MNIST):
    """Handwritten letters and digits, 28 x 28, grey, in one of six splits. See :class:`MNIST`.

    Args:
        split: "byclass", "bymerge", "balanced", "letters", "digits" or "mnist".
    """

    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    classes_split_dict = {
        "byclass": _LETTERS_AND_DIGITS,
        "bymerge": _MERGED,
        "balanced": _MERGED,
        "letters": ["N/A", *string.ascii_lowercase],
        "digits": list(string.digits),
        "mnist": list(string.digits),
    }
    splits = tuple(classes_split_dict)

    def __init__(self, root, split, **kwargs):
        self.split = verify_str_arg(split, "split", self.splits)
        super().__init__(root, **kwargs)
        self.classes = self.classes_split_dict[self.split]

    def _files(self):
        start = f"emnist-{self.split}-{'train' if self.train else 'test'}"
        return f"{start}-images-idx3-ubyte", f"{start}-labels-idx1-ubyte"

    def _check_exists(self):
        return all(check_integrity(os.path.join(self.raw_folder, name)) for name in self._files())

    def download(self):
        if self._check_exists():
            return
        download_and_extract_archive(self.url, self.raw_folder, md5=self.md5)
        packed = os.path.join(self.raw_folder, "gzip")
        for name in os.listdir(packed):
            if name.endswith(".gz"):
                extract_archive(os.path.join(packed, name), self.raw_folder)
        shutil.rmtree(packed)


class QMNIST(MNIST):
    """MNIST with all 60,000 test digits, and more about each. See :class:`MNIST`.

    Args:
        what: "train", "test", "test10k", "test50k" or "nist"; None: by `train`.
        compat: the label is the class only. False: a Tensor (8,) with all that is known about the digit.
    """

    subsets = {"train": "train", "test": "test", "test10k": "test", "test50k": "test", "nist": "nist"}
    home = "https://raw.githubusercontent.com/facebookresearch/qmnist/master/"
    files = {
        "train": [
            ("qmnist-train-images-idx3-ubyte.gz", "ed72d4157d28c017586c42bc6afe6370"),
            ("qmnist-train-labels-idx2-int.gz", "0058f8dd561b90ffdd0f734c6a30e5e4"),
        ],
        "test": [
            ("qmnist-test-images-idx3-ubyte.gz", "1394631089c404de565df7b7aeaf9412"),
            ("qmnist-test-labels-idx2-int.gz", "5b5b05890a5e13444e108efe57b788aa"),
        ],
        "nist": [
            ("xnist-images-idx3-ubyte.xz", "7f124b3b8ab81486c9d8c2749c17f834"),
            ("xnist-labels-idx2-int.xz", "5ed0e788978e45d4a8bd4b7caec3d79d"),
        ],
    }

    def __init__(self, root, what=None, compat=True, train=True, **kwargs):
        what = ("train" if train else "test") if what is None else what
        self.what = verify_str_arg(what, "what", tuple(self.subsets))
        self.compat = compat
        super().__init__(root, train, **kwargs)

    def _files(self):
        return [os.path.splitext(name)[0] for name, _ in self.files[self.subsets[self.what]]]

    def _check_exists(self):
        return all(check_integrity(os.path.join(self.raw_folder, name)) for name in self._files())

    def _load_data(self):
        pictures, labels = (os.path.join(self.raw_folder, name) for name in self._files())
        part = {"test10k": slice(0, 10000), "test50k": slice(10000, None)}.get(self.what, slice(None))
        return from_numpy(read_idx(pictures, 3)[part]), from_numpy(read_idx(labels, 2)[part].astype(np.int64))

    def download(self):
        if self._check_exists():
            return
        for name, md5 in self.files[self.subsets[self.what]]:
            download_and_extract_archive(self.home + name, self.raw_folder, md5=md5)

    def __getitem__(self, index):
        target = self.targets[index]
        return self.transformed(Image.fromarray(self._array("data")[index]), int(target[0]) if self.compat else target)

    def extra_repr(self):
        return f"Split: {self.what}"
