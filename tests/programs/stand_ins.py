"""What public programs read: texts, images, graphs and data sets in the form that they expect, made of noise."""

from __future__ import annotations

import io
import pickle
import random
import struct
import subprocess
import sys
import tarfile

import numpy as np

from tests import ROOT


def text(path, characters=60_000):
    """A text: the beginning of this repository's ops."""
    parts = [file.read_text() for file in sorted((ROOT / "jtorch/core/ops").rglob("*.py"))]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(c for c in "\n".join(parts)[:characters] if ord(c) < 128) + "\nO God, O God!\n")


def images(folder, count, size=256):
    """Pictures of coloured squares."""
    from PIL import Image  # this file is imported without it

    folder.mkdir(parents=True, exist_ok=True)
    draw = np.random.RandomState(len(str(folder.name)))
    for number in range(count):
        squares = draw.randint(0, 255, (16, 16, 3))
        Image.fromarray(np.kron(squares, np.ones((size // 16, size // 16, 1))).astype(np.uint8)).save(
            folder / f"{number}.jpg"
        )


def classes_of_images(*folders):
    """A folder of images for each class."""

    def write(at):
        for folder, count in folders:
            images(at / folder, count)

    return write


def shakespeare(at):
    """nanoGPT's data of characters, as its own script makes it."""
    text(at / "data/shakespeare_char/input.txt")
    (at / "tiktoken.py").write_text("")
    subprocess.run([sys.executable, "prepare.py"], cwd=at / "data/shakespeare_char", check=True, capture_output=True)


def wikitext(at):
    """Three texts of words."""
    for name in ("train", "valid", "test"):
        text(at / f"data/wikitext-2/{name}.txt", 12_000 if name == "train" else 4_000)


def cora(at):
    """A graph in the form of Cora, in an archive that `requests` has fetched."""
    draw = np.random.RandomState(0)
    count, words = 2708, 64
    kinds = draw.randint(0, 7, count)
    rows = []
    for node, kind in enumerate(kinds):
        has = draw.rand(words) < 0.05 + 0.2 * (np.arange(words) % 7 == kind)
        rows.append(" ".join([str(node + 1), *map(str, has.astype(int)), f"class{kind}"]))
    edges = "\n".join(f"{a} {b}" for a, b in draw.randint(1, count + 1, (3000, 2)))
    with tarfile.open(at / "cora.tgz", "w:gz") as archive:
        for name, lines in (("cora.content", "\n".join(rows)), ("cora.cites", edges)):
            info = tarfile.TarInfo(f"cora/{name}")
            info.size = len(lines)
            archive.addfile(info, io.BytesIO(lines.encode()))
    (at / "requests.py").write_text(
        "class get:\n    def __init__(self, *_, **__): self.raw = open('cora.tgz', 'rb')\n"
        "    def __enter__(self): return self\n    def __exit__(self, *_): self.raw.close()\n"
    )


def names(at):
    """Names of three languages, a line each."""
    draw = random.Random(0)
    (at / "data/names").mkdir(parents=True)
    for language, letters in {"English": "abcdefghi", "Russian": "vkovskyhe", "Greek": "opulosia"}.items():
        lines = ["".join(draw.choice(letters) for _ in range(draw.randint(3, 9))).capitalize() for _ in range(60)]
        (at / f"data/names/{language}.txt").write_text("\n".join(lines))


def sentences(at):
    """English sentences, and what they are in a kind of French."""
    who = {"i am": "je suis", "he is": "il est", "she is": "elle est", "we are": "nous sommes", "they are": "ils sont"}
    how = {"cold": "froid", "big": "grand", "small": "petit", "happy": "content", "sad": "triste", "here": "ici"}
    lines = [f"{a} {b} .\t{who[a]} {how[b]} ." for a in who for b in how]
    (at / "data").mkdir(exist_ok=True)
    (at / "data/eng-fra.txt").write_text("\n".join(lines * 3))


def style_model(at):
    """A script that saves a network of the example with its first weights."""
    (at / "first.py").write_text(
        "import sys, torch\nsys.path.insert(0, 'neural_style')\nfrom transformer_net import TransformerNet\n"
        "torch.save(TransformerNet().state_dict(), 'model.pth')\n"
    )
    images(at / "images/content-images", 1)


def stand_ins(folder):
    """Small files of noise in the form of MNIST, its kin, CIFAR-10 and CIFAR-100."""
    draw = np.random.RandomState(0)

    def sample(kinds, count):
        labels = draw.randint(0, len(kinds), count)
        return (kinds[labels] + draw.randint(0, 56, (count, *kinds.shape[1:]))).astype(np.uint8), labels

    def array(path, values):
        path.parent.mkdir(parents=True, exist_ok=True)
        head = struct.pack(">HBB", 0, 8, values.ndim) + struct.pack(f">{values.ndim}I", *values.shape)
        path.write_bytes(head + values.astype(np.uint8).tobytes())

    def batch(path, **entries):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(entries, protocol=2))

    for name in ("MNIST", "FashionMNIST", "KMNIST"):
        kinds = draw.randint(0, 200, (10, 28, 28))
        for part, count in (("train", 640), ("t10k", 200)):
            pictures, labels = sample(kinds, count)
            array(folder / name / f"raw/{part}-images-idx3-ubyte", pictures)
            array(folder / name / f"raw/{part}-labels-idx1-ubyte", labels)
    kinds = draw.randint(0, 200, (10, 3072))
    for name in (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"):
        pictures, labels = sample(kinds, 64)
        batch(folder / "cifar-10-batches-py" / name, data=pictures, labels=labels.tolist())
    words = "airplane automobile bird cat deer dog frog horse ship truck".split()
    batch(folder / "cifar-10-batches-py/batches.meta", label_names=words)
    kinds = draw.randint(0, 200, (100, 3072))
    for name, count in (("train", 320), ("test", 64)):
        pictures, labels = sample(kinds, count)
        fine = labels.tolist()
        batch(folder / "cifar-100-python" / name, data=pictures, fine_labels=fine, coarse_labels=[n // 5 for n in fine])
    batch(folder / "cifar-100-python/meta", fine_label_names=[f"kind {n}" for n in range(100)])
