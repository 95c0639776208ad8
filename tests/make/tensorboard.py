"""fixtures/tensorboard.json: the files that PyTorch's SummaryWriter writes."""

import json
import tempfile
from pathlib import Path

import torch

from tests import FIXTURES
from tests.public.test_tensorboard import told


def make():
    with tempfile.TemporaryDirectory() as folder:
        (FIXTURES / "tensorboard.json").write_text(json.dumps(told(torch, Path(folder)), indent=0) + "\n")
