"""`python -m bench.data`: samples a second of input pipelines, compared with PyTorch and torchvision.

Pictures in memory become PIL images, are transformed and batched, by 0, 2 and 4 workers. Each measurement is a process of its
own; the libraries take turns. The report is the median over rounds of jtorch's rate divided by PyTorch's in the
same round. torchvision has to be installed beside PyTorch.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time

import numpy as np
from PIL import Image

from bench import machine
from bench.report import parser, save

PIPELINES = {  # name -> (shape of a picture, batch size, number of pictures, the transforms of a library)
    "mnist": ((28, 28), 64, 6400, lambda T: [T.ToTensor(), T.Normalize((0.1307,), (0.3081,))]),
    "cifar": (
        (32, 32, 3),
        128,
        6400,
        lambda T: [
            T.RandomCrop(32, padding=4),
            T.RandomHorizontalFlip(),
            T.ToTensor(),
            T.Normalize((0.49, 0.48, 0.45), (0.25, 0.24, 0.26)),
        ],
    ),
}
WORKERS = (0, 2, 4)


class Pictures:
    """Random pictures in memory and their labels, as a data set."""

    def __init__(self, shape, count, transform):
        self.data = np.random.RandomState(0).randint(0, 256, (count, *shape)).astype(np.uint8)
        self.transform = transform

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        return self.transform(Image.fromarray(self.data[i])), i % 10


def library(name):
    """(the library, its transforms)."""
    if name == "jtorch":
        import jtorch
        from jtorch.vision import transforms

        return jtorch, transforms
    from tests.vision.reference import torchvision

    torch, vision = torchvision()
    return torch, vision.transforms


def measured(name, pipeline, workers):
    """Print the samples a second of the second pass; the first one starts the workers."""
    torch, transforms = library(name)
    shape, batch, count, steps = PIPELINES[pipeline]
    data = Pictures(shape, count, transforms.Compose(steps(transforms)))
    loader = torch.utils.data.DataLoader(data, batch, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
    for _ in range(2):
        begin, seen = time.perf_counter(), 0
        for _, labels in loader:
            seen += len(labels)
        rate = seen / (time.perf_counter() - begin)
    print(json.dumps({"rate": rate}))


def rate(name, pipeline, workers):
    """Samples a second, measured in a new process."""
    command = [sys.executable, "-W", "ignore", "-m", "bench.data", "--one", name, pipeline, str(workers)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise RuntimeError(f"{pipeline} under {name}:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])["rate"]


def main(arguments):
    options = parser("data", __doc__, 5).parse_args(arguments)
    rows = []
    for pipeline in PIPELINES:
        for workers in WORKERS:
            rounds = [
                (rate("jtorch", pipeline, workers), rate("torch", pipeline, workers)) for _ in range(options.rounds)
            ]
            row = {
                "pipeline": pipeline,
                "workers": workers,
                "jtorch": statistics.median(ours for ours, _ in rounds),
                "torch": statistics.median(theirs for _, theirs in rounds),
                "ratio": statistics.median(ours / theirs for ours, theirs in rounds),
            }
            rows.append(row)
            print(
                "{pipeline:6} {workers} workers: {jtorch:8.0f} and {torch:8.0f} samples/s, {ratio:.2f} x".format(**row)
            )
    save({"machine": machine.line(), "rows": rows}, options.json)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        measured(sys.argv[2], sys.argv[3], int(sys.argv[4]))
    else:
        main(sys.argv[1:])
