"""S3D (Xie and others, 2017): Inception for videos, with separate convolutions in space and time."""

from __future__ import annotations

from functools import partial

from jtorch import nn
from jtorch.core.ops.functions import cat
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import Family
from jtorch.vision.ops.misc import Conv3dNormActivation

__all__ = ["S3D", "S3D_Weights", "s3d"]


class TemporalSeparableConv(nn.Sequential):
    """A convolution in space and one in time."""

    def __init__(self, in_planes, out_planes, kernel_size, stride, padding, norm_layer):
        size = kernel_size
        super().__init__(
            Conv3dNormActivation(
                in_planes,
                out_planes,
                kernel_size=(1, size, size),
                stride=(1, stride, stride),
                padding=(0, padding, padding),
                bias=False,
                norm_layer=norm_layer,
            ),
            Conv3dNormActivation(
                out_planes,
                out_planes,
                kernel_size=(size, 1, 1),
                stride=(stride, 1, 1),
                padding=(padding, 0, 0),
                bias=False,
                norm_layer=norm_layer,
            ),
        )


class SepInceptionBlock3D(nn.Module):
    """Four parallel branches; `b1_mid` and `b2_mid` are the channels before the larger convolutions."""

    def __init__(self, in_planes, b0_out, b1_mid, b1_out, b2_mid, b2_out, b3_out, norm_layer):
        super().__init__()
        single = {"kernel_size": 1, "stride": 1, "norm_layer": norm_layer}
        larger = {"kernel_size": 3, "stride": 1, "padding": 1, "norm_layer": norm_layer}
        self.branch0 = Conv3dNormActivation(in_planes, b0_out, **single)
        self.branch1 = nn.Sequential(
            Conv3dNormActivation(in_planes, b1_mid, **single), TemporalSeparableConv(b1_mid, b1_out, **larger)
        )
        self.branch2 = nn.Sequential(
            Conv3dNormActivation(in_planes, b2_mid, **single), TemporalSeparableConv(b2_mid, b2_out, **larger)
        )
        self.branch3 = nn.Sequential(
            nn.MaxPool3d(kernel_size=(3, 3, 3), stride=1, padding=1), Conv3dNormActivation(in_planes, b3_out, **single)
        )

    def forward(self, x):
        return cat((self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)), 1)


class S3D(nn.Module):
    """S3D for videos (N, 3, T, H, W) of at least 14 frames of 224 x 224 pixels.

    Args:
        num_classes: features of the output.
        dropout: the dropout probability before the last layer.
        norm_layer: called with the channels; None: BatchNorm3d with the paper's eps and momentum.
    """

    def __init__(self, num_classes=400, dropout=0.2, norm_layer=None):
        super().__init__()
        norm = norm_layer or partial(nn.BatchNorm3d, eps=0.001, momentum=0.001)
        in_space = {"kernel_size": (1, 3, 3), "stride": (1, 2, 2), "padding": (0, 1, 1)}
        self.features = nn.Sequential(
            TemporalSeparableConv(3, 64, 7, 2, 3, norm),
            nn.MaxPool3d(**in_space),
            Conv3dNormActivation(64, 64, kernel_size=1, stride=1, norm_layer=norm),
            TemporalSeparableConv(64, 192, 3, 1, 1, norm),
            nn.MaxPool3d(**in_space),
            SepInceptionBlock3D(192, 64, 96, 128, 16, 32, 32, norm),
            SepInceptionBlock3D(256, 128, 128, 192, 32, 96, 64, norm),
            nn.MaxPool3d(kernel_size=(3, 3, 3), stride=(2, 2, 2), padding=(1, 1, 1)),
            SepInceptionBlock3D(480, 192, 96, 208, 16, 48, 64, norm),
            SepInceptionBlock3D(512, 160, 112, 224, 24, 64, 64, norm),
            SepInceptionBlock3D(512, 128, 128, 256, 24, 64, 64, norm),
            SepInceptionBlock3D(512, 112, 144, 288, 32, 64, 64, norm),
            SepInceptionBlock3D(528, 256, 160, 320, 32, 128, 128, norm),
            nn.MaxPool3d(kernel_size=(2, 2, 2), stride=(2, 2, 2), padding=(0, 0, 0)),
            SepInceptionBlock3D(832, 256, 160, 320, 32, 128, 128, norm),
            SepInceptionBlock3D(832, 384, 192, 384, 48, 128, 128, norm),
        )
        self.avgpool = nn.AvgPool3d(kernel_size=(2, 7, 7), stride=1)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout), nn.Conv3d(1024, num_classes, kernel_size=1, stride=1, bias=True)
        )

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x))).mean((2, 3, 4))


S3D_Weights = published("S3D_Weights", __name__)
s3d = Family(S3D, __name__)("s3d", S3D_Weights, legacy="KINETICS400_V1")
