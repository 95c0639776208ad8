"""Data sets whose files torchvision reads with scipy, and what is left behind where an archive is damaged or the disk full."""

import errno
import tarfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("PIL")

from jtorch.vision import datasets
from jtorch.vision.datasets import imagenet, utils
from tests.vision import files


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Small files, whose sums are those that ImageNet's archives must have."""
    files.write(tmp_path)
    known = {
        part: (name, utils.calculate_md5(tmp_path / "imagenet" / name))
        for part, (name, _) in imagenet.ARCHIVE_META.items()
        if part != "devkit"
    }
    monkeypatch.setattr(imagenet, "ARCHIVE_META", imagenet.ARCHIVE_META | known)
    return tmp_path


def test_imagenet_is_unpacked_from_its_archives(folder, monkeypatch):
    matlab = pytest.importorskip("scipy.io")
    data = folder / "ILSVRC2012_devkit_t12" / "data"
    data.mkdir(parents=True)
    fields = [(name, object) for name in ("ILSVRC2012_ID", "WNID", "words", "gloss", "num_children")]
    rows = [(2, "n02102040", "English springer", "", 0), (1, "n01440764", "tench, Tinca tinca", "", 0)]
    matlab.savemat(data / "meta.mat", {"synsets": np.array([*rows, (3, "n0", "fish", "", 2)], fields)})
    (data / "ILSVRC2012_validation_ground_truth.txt").write_text("2\n1\n2\n")
    kit = folder / "imagenet" / "ILSVRC2012_devkit_t12.tar.gz"
    with tarfile.open(kit, "w:gz") as archive:
        archive.add(data.parent, "ILSVRC2012_devkit_t12")
    known = {"devkit": (kit.name, utils.calculate_md5(kit))}
    monkeypatch.setattr(imagenet, "ARCHIVE_META", imagenet.ARCHIVE_META | known)
    found = datasets.ImageNet(folder / "imagenet", "val")
    assert found.classes == [("tench", "Tinca tinca"), ("English springer",)]
    assert [Path(path).name for path, _ in found.samples] == [f"ILSVRC2012_val_{i}.JPEG" for i in (1, 0, 2)]
    assert len(datasets.ImageNet(folder / "imagenet")) == 4


def test_a_damaged_archive_leaves_no_folder(folder):
    base = folder / "imagenet"
    (base / "ILSVRC2012_img_val.tar").write_bytes((base / "ILSVRC2012_img_val.tar").read_bytes()[:-900])
    with pytest.raises(RuntimeError, match="The archive ILSVRC2012_img_val.tar is not present in the root directory"):
        imagenet.parse_val_archive(base, wnids=["a"])
    assert not (base / "val").exists()


def test_a_full_disk_leaves_no_folder(folder, monkeypatch):
    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(imagenet.shutil, "move", full)
    before = sorted((folder / "imagenet").iterdir())
    with pytest.raises(OSError, match="No space left"):
        imagenet.parse_val_archive(folder / "imagenet", wnids=["a", "b", "a"])
    assert sorted((folder / "imagenet").iterdir()) == before


def test_outlines_of_caltech_and_sbd_are_read(folder):
    matlab = pytest.importorskip("scipy.io")
    sparse = pytest.importorskip("scipy.sparse")
    outline = np.array([[1.5, 2.0, 3.0], [4.0, 5.5, 6.0]])
    (folder / "caltech101" / "Annotations" / "Airplanes_Side_2").mkdir(parents=True)
    matlab.savemat(
        folder / "caltech101" / "Annotations" / "Airplanes_Side_2" / "annotation_0001.mat", {"obj_contour": outline}
    )
    picture, (number, found) = datasets.Caltech101(folder, ["category", "annotation"])[0]
    picture.load()
    assert number == 0
    np.testing.assert_array_equal(found, outline)

    base = folder / "sbd"
    (base / "img").mkdir(parents=True)
    (base / "cls").mkdir()
    files.smooth(3, 4).save(base / "img" / "a.jpg")
    (base / "train.txt").write_text("a\n")
    borders = np.random.RandomState(0).rand(20, 3, 4) > 0.6
    cells = np.empty((20, 1), object)
    cells[:, 0] = [sparse.csc_matrix(border) for border in borders]
    area = np.arange(12, dtype=np.uint8).reshape(3, 4)
    matlab.savemat(base / "cls" / "a.mat", {"GTcls": {"Boundaries": cells, "Segmentation": area}})
    np.testing.assert_array_equal(datasets.SBDataset(base)[0][1], borders)
    np.testing.assert_array_equal(np.asarray(datasets.SBDataset(base, mode="segmentation")[0][1]), area)
