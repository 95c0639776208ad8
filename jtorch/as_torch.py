"""`import jtorch.as_torch`, before anything else: from then on `import torch` and `import torchvision` mean jtorch.

    import jtorch.as_torch
    import torch.nn as nn  # jtorch.nn
    import timm            # runs on jtorch

It holds for this process and for those that it starts. As a pytest plugin: `pytest -p jtorch.as_torch`. A program as it is
runs under `jtorch run`, which does the same before the program's first line. `scope` does it for single libraries.

Raises ImportError where PyTorch itself is already imported.
"""

from __future__ import annotations

from jtorch.cli.hook import turn_on
from jtorch.cli.scoped import scope

__all__ = ["scope"]

turn_on()
