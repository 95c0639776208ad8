"""ResNet (He and others, 2015), ResNeXt (Xie, 2016) and Wide ResNet (Zagoruyko, 2016)."""

from __future__ import annotations

from jtorch import nn
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import Family, fan_out, initialize

__all__ = [
    "ResNeXt50_32X4D_Weights",
    "ResNeXt101_32X8D_Weights",
    "ResNeXt101_64X4D_Weights",
    "ResNet",
    "ResNet18_Weights",
    "ResNet34_Weights",
    "ResNet50_Weights",
    "ResNet101_Weights",
    "ResNet152_Weights",
    "Wide_ResNet50_2_Weights",
    "Wide_ResNet101_2_Weights",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "resnext101_32x8d",
    "resnext101_64x4d",
    "wide_resnet50_2",
    "wide_resnet101_2",
]  # fmt: skip


def conv3x3(in_planes, out_planes, stride=1, groups=1, dilation=1):
    """A 3x3 convolution without bias that keeps the size at stride 1."""
    return nn.Conv2d(
        in_planes,
        out_planes,
        kernel_size=3,
        stride=stride,
        padding=dilation,
        groups=groups,
        bias=False,
        dilation=dilation,
    )


def conv1x1(in_planes, out_planes, stride=1):
    """A 1x1 convolution without bias."""
    return nn.Conv2d(in_planes, out_planes, kernel_size=1, stride=stride, bias=False)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a skip connection.

    Args:
        inplanes: channels of the input.
        planes: channels of the output, divided by `expansion`.
        stride: of the first convolution.
        downsample: the layers of the skip connection; None: the input itself.
        groups, base_width, dilation: must be 1, 64 and 1.
        norm_layer: called with the channels; None: BatchNorm2d.

    Raises:
        ValueError: groups or base_width are not supported.
        NotImplementedError: dilation is not supported.
    """

    expansion = 1

    def __init__(
        self,
        inplanes,
        planes,
        stride=1,
        downsample=None,
        groups=1,
        base_width=64,
        dilation=1,
        norm_layer=None,
    ):
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        if groups != 1 or base_width != 64:
            raise ValueError("BasicBlock only supports groups=1 and base_width=64")
        if dilation > 1:
            raise NotImplementedError("Dilation > 1 not supported in BasicBlock")
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm_layer(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm_layer(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class Bottleneck(nn.Module):
    """A 1x1, a 3x3 and a 1x1 convolution and a skip connection.

    The stride is the second one's, not the first one's as in the
    paper: this is ResNet V1.5. The arguments are those of `BasicBlock`; groups, base_width and dilation are the 3x3's."""

    expansion = 4

    def __init__(
        self,
        inplanes,
        planes,
        stride=1,
        downsample=None,
        groups=1,
        base_width=64,
        dilation=1,
        norm_layer=None,
    ):
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm_layer(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm_layer(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm_layer(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class ResNet(nn.Module):
    """A residual network for images (N, 3, H, W).

    Args:
        block: BasicBlock, Bottleneck, or a class with their arguments.
        layers: how many blocks each of the four stages has.
        num_classes: features of the output.
        zero_init_residual: let each block start as the identity.
        groups: of the 3x3 convolutions.
        width_per_group: their channels for each group in the first stage.
        replace_stride_with_dilation: for each of the last three stages, whether it dilates in place of its stride.
        norm_layer: called with the channels; None: BatchNorm2d.

    Raises:
        ValueError: replace_stride_with_dilation has not three elements.
    """

    def __init__(
        self,
        block,
        layers,
        num_classes=1000,
        zero_init_residual=False,
        groups=1,
        width_per_group=64,
        replace_stride_with_dilation=None,
        norm_layer=None,
    ):
        super().__init__()
        dilate = [False, False, False] if replace_stride_with_dilation is None else replace_stride_with_dilation
        if len(dilate) != 3:
            raise ValueError(
                f"replace_stride_with_dilation should be None or a 3-element tuple, got {replace_stride_with_dilation}"
            )
        self._norm_layer = norm_layer or nn.BatchNorm2d
        self.inplanes = 64
        self.dilation = 1
        self.groups = groups
        self.base_width = width_per_group
        self.conv1 = nn.Conv2d(3, self.inplanes, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm_layer(self.inplanes)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], stride=2, dilate=dilate[0])
        self.layer3 = self._make_layer(block, 256, layers[2], stride=2, dilate=dilate[1])
        self.layer4 = self._make_layer(block, 512, layers[3], stride=2, dilate=dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        initialize(self, conv=fan_out)
        if zero_init_residual:
            for module in self.modules():
                if isinstance(module, Bottleneck | BasicBlock):
                    last = module.bn3 if isinstance(module, Bottleneck) else module.bn2
                    if last.weight is not None:
                        nn.init.zeros_(last.weight)

    def _make_layer(self, block, planes, blocks, stride=1, dilate=False):
        dilation = self.dilation  # the first block still has the dilation of the stage before
        if dilate:
            self.dilation *= stride
            stride = 1
        channels = planes * block.expansion
        downsample = None
        if stride != 1 or self.inplanes != channels:
            downsample = nn.Sequential(conv1x1(self.inplanes, channels, stride), self._norm_layer(channels))
        shared = {"groups": self.groups, "base_width": self.base_width, "norm_layer": self._norm_layer}
        layers = [block(self.inplanes, planes, stride, downsample, dilation=dilation, **shared)]
        self.inplanes = channels
        layers += [block(channels, planes, dilation=self.dilation, **shared) for _ in range(1, blocks)]
        return nn.Sequential(*layers)

    def _forward_impl(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))

    def forward(self, x):
        return self._forward_impl(x)


ResNet18_Weights = published("ResNet18_Weights", __name__)
ResNet34_Weights = published("ResNet34_Weights", __name__)
ResNet50_Weights = published("ResNet50_Weights", __name__)
ResNet101_Weights = published("ResNet101_Weights", __name__)
ResNet152_Weights = published("ResNet152_Weights", __name__)
ResNeXt50_32X4D_Weights = published("ResNeXt50_32X4D_Weights", __name__)
ResNeXt101_32X8D_Weights = published("ResNeXt101_32X8D_Weights", __name__)
ResNeXt101_64X4D_Weights = published("ResNeXt101_64X4D_Weights", __name__)
Wide_ResNet50_2_Weights = published("Wide_ResNet50_2_Weights", __name__)
Wide_ResNet101_2_Weights = published("Wide_ResNet101_2_Weights", __name__)

_resnet = Family(ResNet, __name__)
resnet18 = _resnet("resnet18", ResNet18_Weights, BasicBlock, (2, 2, 2, 2))
resnet34 = _resnet("resnet34", ResNet34_Weights, BasicBlock, (3, 4, 6, 3))
resnet50 = _resnet("resnet50", ResNet50_Weights, Bottleneck, (3, 4, 6, 3))
resnet101 = _resnet("resnet101", ResNet101_Weights, Bottleneck, (3, 4, 23, 3))
resnet152 = _resnet("resnet152", ResNet152_Weights, Bottleneck, (3, 8, 36, 3))
resnext50_32x4d = _resnet(
    "resnext50_32x4d", ResNeXt50_32X4D_Weights, Bottleneck, (3, 4, 6, 3), fixed={"groups": 32, "width_per_group": 4}
)
resnext101_32x8d = _resnet(
    "resnext101_32x8d", ResNeXt101_32X8D_Weights, Bottleneck, (3, 4, 23, 3), fixed={"groups": 32, "width_per_group": 8}
)
resnext101_64x4d = _resnet(
    "resnext101_64x4d", ResNeXt101_64X4D_Weights, Bottleneck, (3, 4, 23, 3), fixed={"groups": 64, "width_per_group": 4}
)
wide_resnet50_2 = _resnet(
    "wide_resnet50_2", Wide_ResNet50_2_Weights, Bottleneck, (3, 4, 6, 3), fixed={"width_per_group": 128}
)
wide_resnet101_2 = _resnet(
    "wide_resnet101_2", Wide_ResNet101_2_Weights, Bottleneck, (3, 4, 23, 3), fixed={"width_per_group": 128}
)
