"""Pictures: `from jtorch.vision import datasets, transforms`, under torchvision's names.

Needs pillow: `pip install "jtorch-xla[examples]"`.
"""

from jtorch.version import torchvision as __version__

from . import datasets, extension, io, models, ops, transforms, tv_tensors, utils


def _is_tracing():
    """Always False: TorchScript traces nothing here."""
    return False
