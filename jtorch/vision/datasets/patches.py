"""PhotoTour: patches of photographs of sights, and which patches show the same point."""

from __future__ import annotations

import os

import numpy as np
from PIL import Image

from jtorch.core.tensor import from_numpy
from jtorch.serialization import load, save

from .utils import download_url, extract_archive
from .vision import VisionDataset

_AT = "http://icvl.ee.ic.ac.uk/vbalnt/{}.zip"
_HARRIS = "http://matthewalunbrown.com/patchdata/{}.zip"


class PhotoTour(VisionDataset):
    """Patches of photographs, 64 x 64, grey.

    An item is a uint8 tensor; in the test set it is (patch, patch, whether they match).

    Args:
        root: the folder that has the folder of the set.
        name: "notredame", "yosemite", "liberty", or one of them with "_harris".
        train: the patches; False: the pairs of patches.
        transform: a function of a patch.
        download: fetch the archive if the files are not there.

    Raises:
        KeyError: an unknown name.
        FileNotFoundError: the files are not there.

    After the first reading, a file with the suffix .pt beside the folder keeps the data.
    """

    sums = {
        "notredame_harris": "69f8c90f78e171349abdf0307afefe4d",
        "yosemite_harris": "a73253d1c6fbd3ba2613c45065c00d46",
        "liberty_harris": "c731fcfb3abb4091110d0ae8c7ba182c",
        "notredame": "509eda8535847b8c0a90bbb210c83484",
        "yosemite": "533b2e8eb7ede31be40abc317b2fd4f0",
        "liberty": "fdd9152f138ea5ef2091746689176414",
    }
    means = {"notredame": 0.4854, "yosemite": 0.4844, "liberty": 0.4437}
    stds = {"notredame": 0.1864, "yosemite": 0.1818, "liberty": 0.2019}
    lens = {
        "notredame": 468159,
        "yosemite": 633587,
        "liberty": 450092,
        "liberty_harris": 379587,
        "yosemite_harris": 450912,
        "notredame_harris": 325295,
    }

    def __init__(self, root, name, train=True, transform=None, download=False):
        super().__init__(root, transform=transform)
        self.name, self.train = name, train
        self.data_dir, self.data_file = os.path.join(self.root, name), os.path.join(self.root, f"{name}.pt")
        self.mean, self.std = (table[name.removesuffix("_harris")] for table in (self.means, self.stds))
        if download:
            self.download()
        if not os.path.exists(self.data_file):
            self.cache()
        self.data, self.labels, self.matches = load(self.data_file, weights_only=True)

    def download(self):
        """Fetch and unpack the archive if the files are not there."""
        if os.path.exists(self.data_file) or os.path.exists(self.data_dir):
            return
        url = (_HARRIS if self.name.endswith("_harris") else _AT).format(self.name)
        download_url(url, self.root, f"{self.name}.zip", self.sums[self.name])
        extract_archive(f"{self.data_dir}.zip", self.data_dir, remove_finished=True)

    def cache(self):
        """Read the files and save the data for the next time."""
        folder = self.data_dir
        read = (
            _pieces(folder, self.lens[self.name]),
            _whole_numbers(os.path.join(folder, "info.txt"), lambda row: int(row[0])),
            _whole_numbers(
                os.path.join(folder, "m50_100000_100000_0.txt"),
                lambda row: (int(row[0]), int(row[3]), int(row[1] == row[4])),
            ),
        )
        save(read, self.data_file)

    def __len__(self):
        return len(self.data if self.train else self.matches)

    def __getitem__(self, index):
        change = self.transform or (lambda piece: piece)
        if self.train:
            return change(self.data[index])
        first, second, same = self.matches[index]
        return change(self.data[first]), change(self.data[second]), same

    def extra_repr(self):
        return f"Split: {'Train' if self.train is True else 'Test'}"


def _pieces(folder, count):
    """The first patches of the pictures in a folder, row by row."""
    found = []
    for name in sorted(name for name in os.listdir(folder) if name.endswith("bmp")):
        pixels = np.asarray(Image.open(os.path.join(folder, name)), np.uint8)
        height, width = (-(-size // 64) * 64 for size in pixels.shape)
        pixels = np.pad(pixels, ((0, height - pixels.shape[0]), (0, width - pixels.shape[1])))
        found.append(pixels.reshape(height // 64, 64, width // 64, 64).swapaxes(1, 2).reshape(-1, 64, 64))
    return from_numpy(np.concatenate(found)[:count])


def _whole_numbers(path, chosen):
    with open(path) as file:
        return from_numpy(np.array([chosen(line.split()) for line in file], np.int64))
