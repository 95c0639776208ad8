"""ResNets for videos (Tran and others, 2017): 3D convolutions, 2D convolutions, or 2D plus 1D convolutions."""

from __future__ import annotations

from jtorch import nn
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import Family, fan_out, initialize

__all__ = [
    "MC3_18_Weights", "R2Plus1D_18_Weights", "R3D_18_Weights", "VideoResNet", "mc3_18", "r2plus1d_18", "r3d_18",
]  # fmt: skip


class _Conv3D(nn.Conv3d):
    def forward(self, input):
        return self._conv_forward(
            input, self.weight, self.bias
        )  # named arguments, since torch.fx traces into this class


class Conv3DSimple(_Conv3D):
    """A 3x3x3 convolution."""

    def __init__(self, in_planes, out_planes, midplanes=None, stride=1, padding=1):
        super().__init__(in_planes, out_planes, kernel_size=(3, 3, 3), stride=stride, padding=padding, bias=False)

    @staticmethod
    def get_downsample_stride(stride):
        """The stride in time and space."""
        return stride, stride, stride


class Conv2Plus1D(nn.Sequential):
    """A 1x3x3 convolution to `midplanes` channels and a 3x1x1 convolution."""

    def __init__(self, in_planes, out_planes, midplanes, stride=1, padding=1):
        space = {"kernel_size": (1, 3, 3), "stride": (1, stride, stride), "padding": (0, padding, padding)}
        time = {"kernel_size": (3, 1, 1), "stride": (stride, 1, 1), "padding": (padding, 0, 0)}
        super().__init__(
            nn.Conv3d(in_planes, midplanes, bias=False, **space),
            nn.BatchNorm3d(midplanes),
            nn.ReLU(inplace=True),
            nn.Conv3d(midplanes, out_planes, bias=False, **time),
        )

    @staticmethod
    def get_downsample_stride(stride):
        """The stride in time and space."""
        return stride, stride, stride


class Conv3DNoTemporal(_Conv3D):
    """A 1x3x3 convolution."""

    def __init__(self, in_planes, out_planes, midplanes=None, stride=1, padding=1):
        space = {"kernel_size": (1, 3, 3), "stride": (1, stride, stride), "padding": (0, padding, padding)}
        super().__init__(in_planes, out_planes, bias=False, **space)

    @staticmethod
    def get_downsample_stride(stride):
        """The stride in time and space."""
        return 1, stride, stride


def _middle_channels(inplanes, planes):
    """The channels that give two convolutions as many parameters as one 3D convolution."""
    return (inplanes * planes * 3 * 3 * 3) // (inplanes * 3 * 3 + 3 * planes)


class BasicBlock(nn.Module):
    """Two convolutions and a skip connection; `conv_builder` makes them."""

    expansion = 1

    def __init__(self, inplanes, planes, conv_builder, stride=1, downsample=None):
        super().__init__()
        middle = _middle_channels(inplanes, planes)
        self.conv1 = nn.Sequential(
            conv_builder(inplanes, planes, middle, stride), nn.BatchNorm3d(planes), nn.ReLU(inplace=True)
        )
        self.conv2 = nn.Sequential(conv_builder(planes, planes, middle), nn.BatchNorm3d(planes))
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x):
        out = self.conv2(self.conv1(x))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class Bottleneck(nn.Module):
    """A 1x1x1 convolution, one that `conv_builder` makes, a 1x1x1 convolution, and a skip connection."""

    expansion = 4

    def __init__(self, inplanes, planes, conv_builder, stride=1, downsample=None):
        super().__init__()
        wide = planes * self.expansion
        self.conv1 = nn.Sequential(
            nn.Conv3d(inplanes, planes, kernel_size=1, bias=False), nn.BatchNorm3d(planes), nn.ReLU(inplace=True)
        )
        self.conv2 = nn.Sequential(
            conv_builder(planes, planes, _middle_channels(inplanes, planes), stride),
            nn.BatchNorm3d(planes),
            nn.ReLU(inplace=True),
        )
        self.conv3 = nn.Sequential(nn.Conv3d(planes, wide, kernel_size=1, bias=False), nn.BatchNorm3d(wide))
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x):
        out = self.conv3(self.conv2(self.conv1(x)))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class BasicStem(nn.Sequential):
    """The first layer: a 3x7x7 convolution."""

    def __init__(self):
        super().__init__(
            nn.Conv3d(3, 64, kernel_size=(3, 7, 7), stride=(1, 2, 2), padding=(1, 3, 3), bias=False),
            nn.BatchNorm3d(64),
            nn.ReLU(inplace=True),
        )


class R2Plus1dStem(nn.Sequential):
    """The first layers: a 1x7x7 and a 3x1x1 convolution."""

    def __init__(self):
        super().__init__(
            nn.Conv3d(3, 45, kernel_size=(1, 7, 7), stride=(1, 2, 2), padding=(0, 3, 3), bias=False),
            nn.BatchNorm3d(45),
            nn.ReLU(inplace=True),
            nn.Conv3d(45, 64, kernel_size=(3, 1, 1), stride=(1, 1, 1), padding=(1, 0, 0), bias=False),
            nn.BatchNorm3d(64),
            nn.ReLU(inplace=True),
        )


class VideoResNet(nn.Module):
    """A residual network for videos (N, 3, T, H, W).

    Args:
        block: BasicBlock, Bottleneck, or a class with their arguments.
        conv_makers: what makes the convolutions of each of the four stages.
        layers: how many blocks each stage has.
        stem: makes the first layers.
        num_classes: features of the output.
        zero_init_residual: let each Bottleneck start as the identity.
    """

    def __init__(self, block, conv_makers, layers, stem, num_classes=400, zero_init_residual=False):
        super().__init__()
        self.inplanes = 64
        self.stem = stem()
        self.layer1 = self._make_layer(block, conv_makers[0], 64, layers[0], stride=1)
        self.layer2 = self._make_layer(block, conv_makers[1], 128, layers[1], stride=2)
        self.layer3 = self._make_layer(block, conv_makers[2], 256, layers[2], stride=2)
        self.layer4 = self._make_layer(block, conv_makers[3], 512, layers[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool3d((1, 1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        initialize(self, conv=fan_out, linear=lambda weight: nn.init.normal_(weight, 0, 0.01))
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, Bottleneck):
                    nn.init.zeros_(module.conv3[1].weight)

    def _make_layer(self, block, conv_builder, planes, blocks, stride=1):
        channels, downsample = planes * block.expansion, None
        if stride != 1 or self.inplanes != channels:
            strides = conv_builder.get_downsample_stride(stride)
            downsample = nn.Sequential(
                nn.Conv3d(self.inplanes, channels, kernel_size=1, stride=strides, bias=False),
                nn.BatchNorm3d(channels),
            )
        layers = [block(self.inplanes, planes, conv_builder, stride, downsample)]
        self.inplanes = channels
        layers += [block(channels, planes, conv_builder) for _ in range(1, blocks)]
        return nn.Sequential(*layers)

    def forward(self, x):
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))
        return self.fc(self.avgpool(x).flatten(1))


R3D_18_Weights = published("R3D_18_Weights", __name__)
MC3_18_Weights = published("MC3_18_Weights", __name__)
R2Plus1D_18_Weights = published("R2Plus1D_18_Weights", __name__)

_video = Family(VideoResNet, __name__)
_BLOCKS = (2, 2, 2, 2)
r3d_18 = _video("r3d_18", R3D_18_Weights, BasicBlock, [Conv3DSimple] * 4, _BLOCKS, BasicStem, legacy="KINETICS400_V1")
mc3_18 = _video(
    "mc3_18",
    MC3_18_Weights,
    BasicBlock,
    [Conv3DSimple] + [Conv3DNoTemporal] * 3,
    _BLOCKS,
    BasicStem,
    legacy="KINETICS400_V1",
)
r2plus1d_18 = _video(
    "r2plus1d_18",
    R2Plus1D_18_Weights,
    BasicBlock,
    [Conv2Plus1D] * 4,
    _BLOCKS,
    R2Plus1dStem,
    legacy="KINETICS400_V1",
)
