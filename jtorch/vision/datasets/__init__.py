"""Data sets of pictures: `torchvision.datasets`, and Digits, which needs no download.

Files are where torchvision puts them and are read by small parsers. `download=True` fetches the originals, checks their MD5
sums, and gives a file its name when it is whole.
"""

from . import utils
from .arrays import STL10, SVHN, USPS
from .cifar import CIFAR10, CIFAR100
from .digits import Digits
from .fakedata import FakeData
from .folder import DatasetFolder, ImageFolder
from .mnist import EMNIST, KMNIST, MNIST, QMNIST, FashionMNIST
from .pictures import (
    DTD,
    GTSRB,
    Country211,
    EuroSAT,
    FGVCAircraft,
    Flowers102,
    Food101,
    Imagenette,
    OxfordIIITPet,
    RenderedSST2,
    StanfordCars,
)
from .scenes import CelebA, CocoCaptions, CocoDetection, VOCDetection, VOCSegmentation
from .vision import VisionDataset
from .wrapped import wrap_dataset_for_transforms_v2
