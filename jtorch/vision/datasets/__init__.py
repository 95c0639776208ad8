"""Data sets of pictures: `torchvision.datasets`, and Digits, which needs no download.

Files are where torchvision puts them and are read by small parsers. `download=True` fetches the originals, checks their MD5
sums, and gives a file its name when it is whole.
"""

from . import utils
from .arrays import PCAM, SEMEION, STL10, SVHN, USPS, MovingMNIST
from .captions import SBU, Flickr8k, Flickr30k
from .cifar import CIFAR10, CIFAR100
from .digits import Digits
from .faces import FER2013, LFWPairs, LFWPeople, WIDERFace
from .fakedata import FakeData
from .optical_flow import HD1K, FlyingChairs, FlyingThings3D, KittiFlow, Sintel
from .folder import DatasetFolder, ImageFolder
from .imagenet import ImageNet
from .mnist import EMNIST, KMNIST, MNIST, QMNIST, FashionMNIST
from .object_pictures import Caltech101, Caltech256, CLEVRClassification, INaturalist, Omniglot
from .patches import PhotoTour
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
from .places import LSUN, SUN397, LSUNClass, Places365
from .roads import Cityscapes, Kitti
from .scenes import CelebA, CocoCaptions, CocoDetection, SBDataset, VOCDetection, VOCSegmentation
from .vision import VisionDataset
from .wrapped import wrap_dataset_for_transforms_v2
