"""Runs programs for PyTorch one after the other, each in a fork of this process: a line of JSON for each, in and out.

It is started as `python forking.py` or `jtorch run forking.py`; so each program's time is that of its own work, not of the
imports. A program gets seeds, a screen that shows nothing, and small files of noise where it asks for MNIST or CIFAR.
"""

import contextlib
import itertools
import json
import os
import random
import resource
import runpy
import signal
import sys
import threading
import time
import traceback

import matplotlib.pyplot  # noqa: F401
import numpy
import torch

if torch.__file__ and "jtorch" not in torch.__file__:  # torchvision built for GPUs misses the names of two operations
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        with contextlib.suppress(RuntimeError):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import torch.distributions
import torch.utils.data
import torchvision.datasets.cifar
import torchvision.transforms
from torch.optim.optimizer import register_optimizer_step_post_hook

DATA = os.environ["PROGRAM_DATA"]


def stand_in(dataset):
    """Let a data set read the folder of small files, whatever folder the program names, and download nothing."""
    start = dataset.__init__

    def __init__(self, root=None, *given, **named):
        named.pop("download", None)
        start(self, DATA, *given[:3], **named)

    dataset.__init__ = __init__


def after_steps(count):
    """A hook for optimizers that ends the program after so many steps."""
    steps = itertools.count(1)

    def step_taken(*_):
        if next(steps) == count:
            raise SystemExit(0)

    return step_taken


def shake():
    """Let each backward pass change the last bits of all gradients: what a program then prints is as right as before."""
    backward = torch.Tensor.backward
    noise = random.Random(1)

    def shaken(self, *given, **named):
        backward(self * (1 + noise.choice([-1, 1]) * 2e-7), *given, **named)

    torch.Tensor.backward = shaken


def run(task):
    """The program itself, in a process of its own."""
    os.setsid()
    os.chdir(task["folder"])
    if task["cache"]:
        os.environ["JTORCH_CACHE_DIR"] = task["cache"]
    for number, name in enumerate(("stdout", "stderr"), 1):
        os.dup2(os.open(f".{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv[:] = task["words"]
    sys.path[:1] = [os.path.dirname(os.path.abspath(sys.argv[0])), task["folder"]]
    for seeded in (torch.manual_seed, random.seed, numpy.random.seed):
        seeded(0)
    if task["steps"]:
        register_optimizer_step_post_hook(after_steps(task["steps"]))
    if task["shake"]:
        shake()
    code = 0
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 1
    for thread in threading.enumerate():
        if thread is not threading.main_thread() and not thread.daemon:
            thread.join()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def wait(child, limit):
    """(exit code or None if it took longer, seconds, seconds of computing) of a process."""
    start = time.monotonic()
    while True:
        done, status, used = os.wait4(child, os.WNOHANG)
        late = time.monotonic() - start > limit
        if done or late:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child, signal.SIGKILL)
            if not done:
                _, status, used = os.wait4(child, 0)
            code = None if not done else os.waitstatus_to_exitcode(status)
            return code, time.monotonic() - start, used.ru_utime + used.ru_stime
        time.sleep(0.05)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    stand_in(torchvision.datasets.MNIST)
    stand_in(torchvision.datasets.CIFAR10)
    torchvision.datasets.cifar.check_integrity = lambda *_: True
    for line in sys.stdin:
        task = json.loads(line)
        sys.stdout.flush()
        child = os.fork()
        if not child:
            run(task)
        code, seconds, used = wait(child, task["limit"])
        print(json.dumps({"code": code, "seconds": seconds, "used": used}), flush=True)
