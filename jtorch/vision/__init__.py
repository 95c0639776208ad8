"""Pictures: `from jtorch.vision import datasets, transforms`, under torchvision's names.

Needs pillow: `pip install "jtorch-xla[examples]"`.
"""

from jtorch.version import torchvision as __version__

from . import datasets, io, models, ops, transforms, tv_tensors, utils
