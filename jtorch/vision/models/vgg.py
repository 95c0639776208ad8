"""VGG (Simonyan and Zisserman, 2014): 3x3 convolutions between poolings, with or without batch normalisation."""

from __future__ import annotations

from jtorch import nn
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import Family, fan_out, initialize

__all__ = [
    "VGG",
    "VGG11_BN_Weights",
    "VGG11_Weights",
    "VGG13_BN_Weights",
    "VGG13_Weights",
    "VGG16_BN_Weights",
    "VGG16_Weights",
    "VGG19_BN_Weights",
    "VGG19_Weights",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]  # fmt: skip

# Channels after each convolution; "M" is a pooling that halves the size.
cfgs = {
    "A": [64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    "B": [64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"],
    "D": [64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"],
    "E": [64, 64, "M", 128, 128, "M", 256, 256, 256, 256, "M", 512, 512, 512, 512, "M", 512, 512, 512, 512, "M"],
}


class VGG(nn.Module):
    """VGG for images (N, 3, H, W) of at least 32 x 32 pixels.

    Args:
        features: the convolutions; they give 512 channels. See :func:`make_layers`.
        num_classes: features of the output.
        init_weights: set the paper's initial values. False: keep the layers' own.
        dropout: the dropout probability after the first two linear layers.
    """

    def __init__(self, features, num_classes=1000, init_weights=True, dropout=0.5):
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            initialize(self, conv=fan_out, linear=lambda weight: nn.init.normal_(weight, 0, 0.01))

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def make_layers(cfg, batch_norm=False):
    """The convolutions of a row of `cfgs`."""
    layers, channels = [], 3
    for each in cfg:
        if each == "M":
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
        else:
            layers.append(nn.Conv2d(channels, each, kernel_size=3, padding=1))
            layers += [nn.BatchNorm2d(each)] if batch_norm else []
            layers.append(nn.ReLU(inplace=True))
            channels = each
    return nn.Sequential(*layers)


def _of_cfg(cfg, batch_norm, **kwargs):
    return VGG(make_layers(cfgs[cfg], batch_norm), **kwargs)


VGG11_Weights = published("VGG11_Weights", __name__)
VGG11_BN_Weights = published("VGG11_BN_Weights", __name__)
VGG13_Weights = published("VGG13_Weights", __name__)
VGG13_BN_Weights = published("VGG13_BN_Weights", __name__)
VGG16_Weights = published("VGG16_Weights", __name__)
VGG16_BN_Weights = published("VGG16_BN_Weights", __name__)
VGG19_Weights = published("VGG19_Weights", __name__)
VGG19_BN_Weights = published("VGG19_BN_Weights", __name__)

_vgg = Family(_of_cfg, __name__, given_weights=lambda kwargs: kwargs.update(init_weights=False))
vgg11 = _vgg("vgg11", VGG11_Weights, "A", False)
vgg11_bn = _vgg("vgg11_bn", VGG11_BN_Weights, "A", True)
vgg13 = _vgg("vgg13", VGG13_Weights, "B", False)
vgg13_bn = _vgg("vgg13_bn", VGG13_BN_Weights, "B", True)
vgg16 = _vgg("vgg16", VGG16_Weights, "D", False)
vgg16_bn = _vgg("vgg16_bn", VGG16_BN_Weights, "D", True)
vgg19 = _vgg("vgg19", VGG19_Weights, "E", False)
vgg19_bn = _vgg("vgg19_bn", VGG19_BN_Weights, "E", True)
