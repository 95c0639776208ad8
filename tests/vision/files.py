"""Small files in torchvision's layouts, for the tests of data sets and image files."""

import bz2
import json
import pickle
import struct
from pathlib import Path

import numpy as np
from PIL import Image

from tests.vision import set_files
from tests.vision.set_files import write_deep_png


def write(folder):
    """Write them all into the folder."""
    folder = Path(folder)
    write_images(folder)
    write_idx_sets(folder)
    write_cifar(folder)
    write_classes(folder)
    write_voc(folder)
    write_coco(folder)
    write_lists(folder)
    set_files.write(folder, smooth)


def noise(*shape, seed=0):
    """Random bytes."""
    return np.random.RandomState(seed).randint(0, 256, shape).astype(np.uint8)


def smooth(height, width, seed=0):
    """A smooth colour picture, like a photograph."""
    small = Image.fromarray(noise(4, 4, 3, seed=seed))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def write_images(folder):
    """Image files of every kind that `io` reads."""
    rgb = smooth(17, 22)
    rgb.save(folder / "rgb.png")
    rgb.convert("L").save(folder / "grey.png")
    Image.fromarray(noise(6, 5, 4)).save(folder / "rgba.png")
    rgb.quantize(7).save(folder / "palette.png")
    rgb.save(folder / "rgb.jpg", quality=90)
    rgb.convert("L").save(folder / "grey.jpg")
    turned = Image.Exif()
    turned[0x0112] = 6  # EXIF orientation: turned by 90 degrees
    rgb.save(folder / "turned.jpg", exif=turned)
    rgb.save(folder / "still.gif")
    rgb.save(folder / "moving.gif", save_all=True, append_images=[smooth(17, 22, seed=1)])
    write_deep_png(folder / "deep.png", np.random.RandomState(0).randint(0, 65536, (5, 4, 3)))
    write_deep_png(folder / "deep_grey.png", np.random.RandomState(1).randint(0, 65536, (6, 4, 1)))


def write_idx(path, array):
    """An array in the idx format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {"uint8": 8, "int32": 12}[array.dtype.name]
    head = bytes([0, 0, kind, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(head + array.astype(array.dtype.newbyteorder(">")).tobytes())


def write_idx_sets(folder):
    """MNIST and sets of its format, with seven and three pictures; one file is cut off."""
    for name, ends in (
        ("MNIST", ("train", "t10k")),
        ("FashionMNIST", ("train", "t10k")),
        ("KMNIST", ("train", "t10k")),
        ("EMNIST", ("emnist-letters-train", "emnist-letters-test")),
    ):
        for part, count in zip(ends, (7, 3), strict=True):
            raw = folder / name / "raw"
            write_idx(raw / f"{part}-images-idx3-ubyte", noise(count, 28, 28, seed=count))
            write_idx(raw / f"{part}-labels-idx1-ubyte", noise(count, seed=1) % 10)
    raw = folder / "QMNIST" / "raw"
    write_idx(raw / "qmnist-train-images-idx3-ubyte", noise(4, 28, 28))
    write_idx(raw / "qmnist-train-labels-idx2-int", noise(4, 8).astype(np.int32) * 1000)


def write_cifar(folder):
    """CIFAR10 and CIFAR100 as pickles with the original protocol."""
    for base, names, key in (
        ("cifar-10-batches-py", [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"], "labels"),
        ("cifar-100-python", ["train", "test"], "fine_labels"),
    ):
        (folder / base).mkdir()
        for seed, name in enumerate(names):
            batch = {"data": noise(2, 3072, seed=seed), key: [seed, 9 - seed]}
            (folder / base / name).write_bytes(pickle.dumps(batch, 2))
    (folder / "cifar-10-batches-py" / "batches.meta").write_bytes(pickle.dumps({"label_names": ["cat", "dog"]}, 2))
    (folder / "cifar-100-python" / "meta").write_bytes(pickle.dumps({"fine_label_names": ["apple"]}, 2))


def write_classes(folder):
    """A folder for each class, and one without files."""
    for name in ("dog", "cat"):
        (folder / "classes" / name / "deep").mkdir(parents=True)
        smooth(5, 4).save(folder / "classes" / name / "1.png")
        smooth(5, 4, seed=1).convert("L").save(folder / "classes" / name / "deep" / "2.JPG", "JPEG")
        (folder / "classes" / name / "notes.txt").write_text(name)
    (folder / "gap" / "full").mkdir(parents=True)
    (folder / "gap" / "empty").mkdir()
    smooth(5, 4).save(folder / "gap" / "full" / "1.png")
    (folder / "nothing").mkdir()
    (folder / "damaged" / "a").mkdir(parents=True)
    (folder / "damaged" / "a" / "1.png").write_bytes(b"this is no image")


def write_voc(folder):
    """Pascal VOC with one picture."""
    base = folder / "VOCdevkit" / "VOC2012"
    for name in ("ImageSets/Main", "ImageSets/Segmentation", "JPEGImages", "Annotations", "SegmentationClass"):
        (base / name).mkdir(parents=True)
    for name in ("Main", "Segmentation"):
        (base / "ImageSets" / name / "train.txt").write_text("one\n")
    smooth(8, 9).save(base / "JPEGImages" / "one.jpg")
    smooth(8, 9).quantize(4).save(base / "SegmentationClass" / "one.png")
    thing = "<object><name>{}</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>6</ymax></bndbox></object>"
    (base / "Annotations" / "one.xml").write_text(
        f"<annotation><folder>VOC2012</folder><size><width>9</width></size>{thing.format('dog')}{thing.format('cat')}</annotation>"
    )


def write_coco(folder):
    """A file of COCO with two pictures."""
    (folder / "coco").mkdir()
    smooth(8, 9).save(folder / "coco" / "b.jpg")
    smooth(7, 6).save(folder / "coco" / "a.jpg")
    things = [
        {"id": 3, "image_id": 7, "bbox": [1, 2, 3, 4], "category_id": 5, "caption": "a dog"},
        {"id": 4, "image_id": 7, "bbox": [0, 2, 3, 4], "category_id": 6, "caption": "a cat"},
    ]
    images = [{"id": 9, "file_name": "b.jpg"}, {"id": 7, "file_name": "a.jpg"}]
    (folder / "coco" / "all.json").write_text(json.dumps({"images": images, "annotations": things, "categories": []}))


def write_lists(folder):
    """Data sets that are image files with lists of labels."""
    for name in ("food-101/images/pie", "food-101/meta", "dtd/dtd/images/dots", "dtd/dtd/labels", "eurosat/2750/River"):
        (folder / name).mkdir(parents=True)
    smooth(5, 4).save(folder / "food-101" / "images" / "pie" / "1.jpg")
    (folder / "food-101" / "meta" / "train.json").write_text('{"soup": [], "pie": ["pie/1"]}')
    smooth(5, 4).save(folder / "dtd" / "dtd" / "images" / "dots" / "1.jpg")
    (folder / "dtd" / "dtd" / "labels" / "train1.txt").write_text("dots/1.jpg\n")
    smooth(5, 4).save(folder / "eurosat" / "2750" / "River" / "1.jpg")
    pets = folder / "oxford-iiit-pet"
    (pets / "images").mkdir(parents=True)
    (pets / "annotations" / "trimaps").mkdir(parents=True)
    (pets / "annotations" / "trainval.txt").write_text("Great_Dane_1 1 2 1\nSphynx_2 2 1 1\n")
    for name in ("Great_Dane_1", "Sphynx_2"):
        smooth(5, 4).save(pets / "images" / f"{name}.jpg")
        smooth(5, 4).convert("L").save(pets / "annotations" / "trimaps" / f"{name}.png")
    with bz2.open(folder / "usps.bz2", "wt") as file:
        file.writelines(
            f"{i + 1} {' '.join(f'{k + 1}:{(k * i % 7 - 3) / 3:.4f}' for k in range(256))} \n" for i in range(3)
        )
