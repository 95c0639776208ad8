"""Files in a folder for each class: DatasetFolder and ImageFolder."""

from __future__ import annotations

import os

from PIL import Image

from .vision import VisionDataset

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def has_file_allowed_extension(filename, extensions):
    """Whether a name ends in one of the suffixes, whatever the case."""
    return filename.lower().endswith(extensions if isinstance(extensions, str) else tuple(extensions))


def is_image_file(filename):
    """Whether a name has the suffix of an image file."""
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def pil_loader(path):
    """The image file as a PIL image in red, green and blue."""
    with open(path, "rb") as file, Image.open(file) as image:
        return image.convert("RGB")


def default_loader(path):
    """The image file as a PIL image in RGB.

    Raises:
        PIL.UnidentifiedImageError, OSError: the file is not an image, or is damaged.
    """
    return pil_loader(path)


def find_classes(directory):
    """(the names of the folders in a folder, sorted, and the number of each).

    Raises:
        FileNotFoundError: there is no such folder, or no folder in it.
    """
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
    return classes, {name: number for number, name in enumerate(classes)}


def make_dataset(directory, class_to_idx=None, extensions=None, is_valid_file=None, allow_empty=False):
    """(path, class) of each file in the folders of the classes, at any depth.

    Raises:
        ValueError: no classes; or both of `extensions` and `is_valid_file`, or neither.
        FileNotFoundError: a class without files.
    """
    directory = os.path.expanduser(directory)
    if class_to_idx is None:
        _, class_to_idx = find_classes(directory)
    elif not class_to_idx:
        raise ValueError("'class_to_index' must have at least one entry to collect any samples.")
    if (extensions is None) == (is_valid_file is None):
        raise ValueError("Both extensions and is_valid_file cannot be None or not None at the same time")
    valid = is_valid_file or (lambda path: has_file_allowed_extension(path, extensions))
    found = {
        name: [path for path in _files_below(os.path.join(directory, name)) if valid(path)]
        for name in sorted(class_to_idx)
    }
    empty = [name for name, paths in found.items() if not paths]
    if empty and not allow_empty:
        message = f"Found no valid file for the classes {', '.join(empty)}. "
        if extensions is not None:
            known = extensions if isinstance(extensions, str) else ", ".join(extensions)
            message += f"Supported extensions are: {known}"
        raise FileNotFoundError(message)
    return [(path, class_to_idx[name]) for name, paths in found.items() for path in paths]


def _files_below(folder):
    """The paths of the files in a folder and the folders in it, folder by folder, sorted."""
    folders, waiting = [], [folder] if os.path.isdir(folder) else []
    while waiting:
        folders.append(waiting.pop())
        waiting += [entry.path for entry in os.scandir(folders[-1]) if entry.is_dir()]
    for each in sorted(folders):
        yield from sorted(entry.path for entry in os.scandir(each) if not entry.is_dir())


class DatasetFolder(VisionDataset):
    """Files in a folder for each class: root/cat/1.npy, root/dog/any/depth/2.npy. A file is read when its item is.

    Args:
        loader: a function that reads the sample at a path.
        extensions: the suffixes of the samples.
        is_valid_file: tells whether a path is a sample, instead of `extensions`.
        allow_empty: accept a class without files.

    Raises:
        FileNotFoundError: no class folder, or a class without files.
        ValueError: both of `extensions` and `is_valid_file`, or neither.
    """

    class_to_idx = None

    def __init__(
        self,
        root,
        loader,
        extensions=None,
        transform=None,
        target_transform=None,
        is_valid_file=None,
        allow_empty=False,
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.classes, self.class_to_idx = self.find_classes(self.root)
        self.loader, self.extensions = loader, extensions
        self.samples = self.make_dataset(self.root, self.class_to_idx, extensions, is_valid_file, allow_empty)
        self.targets = [target for _, target in self.samples]

    @staticmethod
    def make_dataset(directory, class_to_idx, extensions=None, is_valid_file=None, allow_empty=False):
        """The samples; a subclass may choose others. See the function of this name."""
        if class_to_idx is None:
            raise ValueError("The class_to_idx parameter cannot be None.")
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def find_classes(self, directory):
        """The classes; a subclass may choose others. See the function of this name."""
        return find_classes(directory)

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        path, target = self.samples[index]
        return self.transformed(self.loader(path), target)


class ImageFolder(DatasetFolder):
    """Image files in a folder for each class: root/cat/1.png, root/dog/any/depth/2.jpg. See :class:`DatasetFolder`."""

    def __init__(
        self,
        root,
        transform=None,
        target_transform=None,
        loader=default_loader,
        is_valid_file=None,
        allow_empty=False,
    ):
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(root, loader, extensions, transform, target_transform, is_valid_file, allow_empty)
        self.imgs = self.samples
