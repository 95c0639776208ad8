"""Pictures: `from jtorch.vision import datasets, transforms`, under torchvision's names.

Needs pillow: `pip install "jtorch-xla[examples]"`. The data sets that are downloaded need the extra `data`.
"""

from jtorch.version import torchvision as __version__

from . import datasets, io, transforms, utils
