"""MNASNet (Tan and others, 2018): blocks found by an architecture search for phones."""

from __future__ import annotations

import warnings

from jtorch import nn
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import Family, fan_out, initialize

__all__ = [
    "MNASNet", "MNASNet0_5_Weights", "MNASNet0_75_Weights", "MNASNet1_0_Weights", "MNASNet1_3_Weights", "mnasnet0_5",
    "mnasnet0_75", "mnasnet1_0", "mnasnet1_3",
]  # fmt: skip

_MOMENTUM = 1 - 0.9997  # TensorFlow's 0.9997
# Kernel, stride, expansion and blocks of each stage.
_STAGES = [(3, 2, 3, 3), (5, 2, 3, 3), (5, 2, 6, 3), (3, 1, 6, 2), (5, 2, 6, 4), (3, 1, 6, 1)]


class _InvertedResidual(nn.Module):
    """A 1x1 convolution to more channels, a depthwise convolution, and a 1x1 convolution back."""

    def __init__(self, in_ch, out_ch, kernel_size, stride, expansion_factor, bn_momentum=0.1):
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        if kernel_size not in (3, 5):
            raise ValueError(f"kernel_size should be 3 or 5 instead of {kernel_size}")
        inner = in_ch * expansion_factor
        self.apply_residual = in_ch == out_ch and stride == 1
        self.layers = nn.Sequential(
            nn.Conv2d(in_ch, inner, 1, bias=False),
            nn.BatchNorm2d(inner, momentum=bn_momentum),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, inner, kernel_size, padding=kernel_size // 2, stride=stride, groups=inner, bias=False),
            nn.BatchNorm2d(inner, momentum=bn_momentum),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, out_ch, 1, bias=False),
            nn.BatchNorm2d(out_ch, momentum=bn_momentum),
        )

    def forward(self, input):
        return self.layers(input) + input if self.apply_residual else self.layers(input)


def _stage_of(in_ch, out_ch, kernel_size, stride, exp_factor, repeats):
    """Blocks of which the first has the stride."""
    if repeats < 1:
        raise ValueError(f"repeats should be >= 1, instead got {repeats}")
    first = _InvertedResidual(in_ch, out_ch, kernel_size, stride, exp_factor, bn_momentum=_MOMENTUM)
    others = [
        _InvertedResidual(out_ch, out_ch, kernel_size, 1, exp_factor, bn_momentum=_MOMENTUM) for _ in range(1, repeats)
    ]
    return nn.Sequential(first, *others)


def _depths(alpha):
    """The channels of the layers: multiples of 8, at least nine tenths of alpha times the paper's."""
    depths = []
    for depth in (32, 16, 24, 40, 80, 96, 192, 320):
        rounded = max(8, int(depth * alpha + 4) // 8 * 8)
        depths.append(rounded if rounded >= 0.9 * depth * alpha else rounded + 8)
    return depths


def _stem(first, second):
    """The layers before the stages."""
    return [
        nn.Conv2d(3, first, 3, padding=1, stride=2, bias=False),
        nn.BatchNorm2d(first, momentum=_MOMENTUM),
        nn.ReLU(inplace=True),
        nn.Conv2d(first, first, 3, padding=1, stride=1, groups=first, bias=False),
        nn.BatchNorm2d(first, momentum=_MOMENTUM),
        nn.ReLU(inplace=True),
        nn.Conv2d(first, second, 1, padding=0, stride=1, bias=False),
        nn.BatchNorm2d(second, momentum=_MOMENTUM),
    ]


class MNASNet(nn.Module):
    """MNASNet for images (N, 3, H, W).

    Args:
        alpha: multiplies the channels.
        num_classes: features of the output.
        dropout: the dropout probability before the last layer.

    Raises:
        ValueError: alpha is not positive.
    """

    _version = 2  # in version 1 the first layers were not multiplied

    def __init__(self, alpha, num_classes=1000, dropout=0.2):
        super().__init__()
        if alpha <= 0.0:
            raise ValueError(f"alpha should be greater than 0.0 instead of {alpha}")
        self.alpha = alpha
        self.num_classes = num_classes
        depths = _depths(alpha)
        layers = _stem(*depths[:2])
        for i, (kernel, stride, expansion, repeats) in enumerate(_STAGES, 1):
            layers.append(_stage_of(depths[i], depths[i + 1], kernel, stride, expansion, repeats))
        layers += [
            nn.Conv2d(depths[7], 1280, 1, padding=0, stride=1, bias=False),
            nn.BatchNorm2d(1280, momentum=_MOMENTUM),
            nn.ReLU(inplace=True),
        ]
        self.layers = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout, inplace=True), nn.Linear(1280, num_classes))
        uniform = lambda weight: nn.init.kaiming_uniform_(weight, mode="fan_out", nonlinearity="sigmoid")
        initialize(self, conv=fan_out, linear=uniform)

    def forward(self, x):
        return self.classifier(self.layers(x).mean([2, 3]))

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        version = local_metadata.get("version", None)
        if version not in (1, 2):
            raise ValueError(f"version should be set to 1 or 2 instead of {version}")
        if version == 1 and self.alpha != 1.0:
            for i, layer in enumerate([*_stem(32, 16), _stage_of(16, _depths(self.alpha)[2], 3, 2, 3, 3)]):
                self.layers[i] = layer
            self._version = 1
            warnings.warn(
                "A new version of MNASNet model has been implemented. "
                "Your checkpoint was saved using the previous version. "
                "This checkpoint will load and work as before, but "
                "you may want to upgrade by training a newer model or "
                "transfer learning from an updated ImageNet checkpoint.",
                UserWarning,
                stacklevel=2,
            )
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


MNASNet0_5_Weights = published("MNASNet0_5_Weights", __name__)
MNASNet0_75_Weights = published("MNASNet0_75_Weights", __name__)
MNASNet1_0_Weights = published("MNASNet1_0_Weights", __name__)
MNASNet1_3_Weights = published("MNASNet1_3_Weights", __name__)

_mnasnet = Family(MNASNet, __name__)
mnasnet0_5 = _mnasnet("mnasnet0_5", MNASNet0_5_Weights, 0.5)
mnasnet0_75 = _mnasnet("mnasnet0_75", MNASNet0_75_Weights, 0.75)
mnasnet1_0 = _mnasnet("mnasnet1_0", MNASNet1_0_Weights, 1.0)
mnasnet1_3 = _mnasnet("mnasnet1_3", MNASNet1_3_Weights, 1.3)
