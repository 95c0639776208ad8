"""Data sets of pairs of pictures and how each pixel moves: Sintel, KITTI, FlyingChairs, FlyingThings3D, HD1K."""

from __future__ import annotations

import itertools
import os
from glob import glob
from pathlib import Path

import numpy as np

from jtorch.utils.data.dataset import ConcatDataset
from jtorch.vision.io import decode_png, read_file

from .folder import default_loader
from .utils import verify_str_arg
from .vision import VisionDataset

_NOT_FOUND = "Could not find the {} images. Please make sure the directory structure is correct."


class FlowDataset(VisionDataset):
    """Two pictures and the flow between them, a float32 array (2, H, W).

    In a test set the flow is None. Some sets add a fourth part (H, W): where the flow is known.

    Args:
        root: the folder that has the folder of the set.
        split: which part.
        transforms: a function of (picture 1, picture 2, flow, where it is known), which gives four of its own.
        loader: a function that reads the picture at a path.

    `3 * dataset` is the set three times.

    Raises:
        ValueError: an unknown split.
        FileNotFoundError: the files are not there.
    """

    _has_builtin_flow_mask = False

    def __init__(self, root, transforms=None, loader=default_loader):
        super().__init__(root)
        self.transforms, self._loader = transforms, loader
        self._flow_list: list[str] = []
        self._image_list: list[list[str]] = []

    def __len__(self):
        return len(self._image_list)

    def __getitem__(self, index):
        first, second = map(self._loader, self._image_list[index])
        flow = known = None
        if self._flow_list:
            flow = self._read_flow(self._flow_list[index])
            if self._has_builtin_flow_mask:
                flow, known = flow
        if self.transforms is not None:
            first, second, flow, known = self.transforms(first, second, flow, known)
        return (
            (first, second, flow, known) if self._has_builtin_flow_mask or known is not None else (first, second, flow)
        )

    def __rmul__(self, count):
        return ConcatDataset([self] * count)


def _matching(*parts):
    """The paths that a pattern describes, sorted."""
    return sorted(glob(os.path.join(*map(str, parts))))


def _read_flo(path):
    """The flow (2, H, W) in a file of Middlebury's format."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:4] != b"PIEH":
        raise ValueError("Magic number incorrect. Invalid .flo file")
    width, height = np.frombuffer(data, "<i4", 2, 4).tolist()
    return np.frombuffer(data, "<f4", 2 * width * height, 12).reshape(height, width, 2).transpose(2, 0, 1).copy()


def read_pfm(path, slice_channels=2):
    """The first channels of a PFM file as an array (channels, H, W) of floats.

    Raises:
        ValueError: it is not a PFM file.
    """
    with open(path, "rb") as file:
        kind = file.readline().rstrip()
        if kind not in (b"PF", b"Pf"):
            raise ValueError("Invalid PFM file")
        try:
            width, height = map(int, file.readline().split(b" "))
        except ValueError:
            raise ValueError("Malformed PFM header.") from None
        order = "<" if float(file.readline().rstrip()) < 0 else ">"
        numbers = np.frombuffer(file.read(), f"{order}f4")
    rows = numbers.reshape(height, width, -1)[::-1]  # the file has the lowest row first
    return np.ascontiguousarray(rows.transpose(2, 0, 1)[:slice_channels], np.float32)


def _read_png(path):
    """(flow, where it is known) in a PNG of 16 bits a channel."""
    numbers = decode_png(read_file(path)).numpy().astype(np.float32)
    return (numbers[:2] - 2**15) / 64, numbers[2] != 0


class Sintel(FlowDataset):
    """An animated film. See :class:`FlowDataset`.

    Args:
        split: "train" or "test".
        pass_name: "clean", "final" or "both": without or with fog and blur.
    """

    def __init__(self, root, split="train", pass_name="clean", transforms=None, loader=default_loader):
        super().__init__(root, transforms, loader)
        verify_str_arg(split, "split", ("train", "test"))
        verify_str_arg(pass_name, "pass_name", ("clean", "final", "both"))
        base = Path(root) / "Sintel"
        for each in ["clean", "final"] if pass_name == "both" else [pass_name]:
            folder = base / ("training" if split == "train" else split) / each
            for scene in os.listdir(folder):
                pictures = _matching(folder, scene, "*.png")
                self._image_list += map(list, itertools.pairwise(pictures))
                if split == "train":
                    self._flow_list += _matching(base, "training", "flow", scene, "*.flo")

    _read_flow = staticmethod(_read_flo)


class KittiFlow(FlowDataset):
    """Roads from a car (2015). An item has four parts. See :class:`FlowDataset`.

    Args:
        split: "train" or "test".
    """

    _has_builtin_flow_mask = True

    def __init__(self, root, split="train", transforms=None, loader=default_loader):
        super().__init__(root, transforms, loader)
        verify_str_arg(split, "split", ("train", "test"))
        base = Path(root) / "KittiFlow" / f"{split}ing"
        first, second = (_matching(base, "image_2", f"*_{number}.png") for number in (10, 11))
        if not first or not second:
            raise FileNotFoundError(_NOT_FOUND.format("Kitti flow"))
        self._image_list = [list(pair) for pair in zip(first, second, strict=False)]
        if split == "train":
            self._flow_list = _matching(base, "flow_occ", "*_10.png")

    _read_flow = staticmethod(_read_png)


class FlyingChairs(FlowDataset):
    """Chairs that fly over pictures. See :class:`FlowDataset`.

    Args:
        split: "train" or "val", as the file FlyingChairs_train_val.txt says.
    """

    def __init__(self, root, split="train", transforms=None):
        super().__init__(root, transforms)
        verify_str_arg(split, "split", ("train", "val"))
        base = Path(root) / "FlyingChairs"
        pictures, flows = _matching(base, "data", "*.ppm"), _matching(base, "data", "*.flo")
        if not (base / "FlyingChairs_train_val.txt").exists():
            raise FileNotFoundError(
                "The FlyingChairs_train_val.txt file was not found - please download it from the dataset page (see docstring)."
            )
        parts = (base / "FlyingChairs_train_val.txt").read_text().split()
        for i, flow in enumerate(flows):
            if int(parts[i]) == (1 if split == "train" else 2):
                self._flow_list.append(flow)
                self._image_list.append(pictures[2 * i : 2 * i + 2])

    _read_flow = staticmethod(_read_flo)


class FlyingThings3D(FlowDataset):
    """Objects that fly through rooms. See :class:`FlowDataset`.

    Args:
        split: "train" or "test".
        pass_name: "clean", "final" or "both": without or with blur.
        camera: "left", "right" or "both".
    """

    def __init__(
        self,
        root,
        split="train",
        pass_name="clean",
        camera="left",
        transforms=None,
        loader=default_loader,
    ):
        super().__init__(root, transforms, loader)
        verify_str_arg(split, "split", ("train", "test"))
        verify_str_arg(pass_name, "pass_name", ("clean", "final", "both"))
        verify_str_arg(camera, "camera", ("left", "right", "both"))
        passes = ["clean", "final"] if pass_name == "both" else [pass_name]
        cameras = ["left", "right"] if camera == "both" else [camera]
        base = Path(root) / "FlyingThings3D"
        for each, side, direction in itertools.product(passes, cameras, ("into_future", "into_past")):
            scenes = _matching(base, f"frames_{each}pass", split.upper(), "*/*")
            moves = _matching(base, "optical_flow", split.upper(), "*/*")
            if not scenes or not moves:
                raise FileNotFoundError(_NOT_FOUND.format("FlyingThings3D flow"))
            for scene, move in zip(scenes, moves, strict=False):
                self._add(_matching(scene, side, "*.png"), _matching(move, direction, side, "*.pfm"), direction)

    def _add(self, pictures, flows, direction):
        for i in range(len(flows) - 1):
            forward = direction == "into_future"
            self._image_list.append(pictures[i : i + 2] if forward else pictures[i : i + 2][::-1])
            self._flow_list.append(flows[i] if forward else flows[i + 1])

    _read_flow = staticmethod(read_pfm)


class HD1K(FlowDataset):
    """Roads from a car, in a higher resolution. An item has four parts. See :class:`FlowDataset`.

    Args:
        split: "train" or "test".
    """

    _has_builtin_flow_mask = True

    def __init__(self, root, split="train", transforms=None, loader=default_loader):
        super().__init__(root, transforms, loader)
        verify_str_arg(split, "split", ("train", "test"))
        base = Path(root) / "hd1k"
        if split == "train":
            for number in range(36):
                flows = _matching(base, "hd1k_flow_gt", "flow_occ", f"{number:06d}_*.png")
                pictures = _matching(base, "hd1k_input", "image_2", f"{number:06d}_*.png")
                self._flow_list += flows[:-1]
                self._image_list += [pictures[i : i + 2] for i in range(len(flows) - 1)]
        else:
            first, second = (_matching(base, "hd1k_challenge", "image_2", f"*{number}.png") for number in (10, 11))
            self._image_list = [list(pair) for pair in zip(first, second, strict=False)]
        if not self._image_list:
            raise FileNotFoundError(_NOT_FOUND.format("HD1K"))

    _read_flow = staticmethod(_read_png)
