"""ShuffleNetV2 (Ma and others, 2018): half of the channels skip each block, then the halves are shuffled."""

from __future__ import annotations

from jtorch import nn
from jtorch.core.ops.functions import cat
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import Family

__all__ = [
    "ShuffleNetV2", "ShuffleNet_V2_X0_5_Weights", "ShuffleNet_V2_X1_0_Weights", "ShuffleNet_V2_X1_5_Weights",
    "ShuffleNet_V2_X2_0_Weights", "shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5", "shufflenet_v2_x2_0",
]  # fmt: skip


class InvertedResidual(nn.Module):
    """A block. At stride 1 only the second half of the channels is convolved; else two branches convolve all of them.

    Raises:
        ValueError: a stride outside 1 to 3, or channels that do not fit together at stride 1.
    """

    def __init__(self, inp, oup, stride):
        super().__init__()
        if not (1 <= stride <= 3):
            raise ValueError("illegal stride value")
        self.stride = stride
        half = oup // 2
        if stride == 1 and inp != half << 1:
            raise ValueError(
                f"Invalid combination of stride {stride}, inp {inp} and oup {oup} values. "
                "If stride == 1 then inp should be equal to oup // 2 << 1."
            )
        if stride > 1:
            self.branch1 = nn.Sequential(
                self.depthwise_conv(inp, inp, kernel_size=3, stride=stride, padding=1),
                nn.BatchNorm2d(inp),
                nn.Conv2d(inp, half, kernel_size=1, stride=1, padding=0, bias=False),
                nn.BatchNorm2d(half),
                nn.ReLU(inplace=True),
            )
        else:
            self.branch1 = nn.Sequential()
        self.branch2 = nn.Sequential(
            nn.Conv2d(inp if stride > 1 else half, half, kernel_size=1, stride=1, padding=0, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(inplace=True),
            self.depthwise_conv(half, half, kernel_size=3, stride=stride, padding=1),
            nn.BatchNorm2d(half),
            nn.Conv2d(half, half, kernel_size=1, stride=1, padding=0, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(inplace=True),
        )

    @staticmethod
    def depthwise_conv(i, o, kernel_size, stride=1, padding=0, bias=False):
        """A depthwise convolution: one filter per channel."""
        return nn.Conv2d(i, o, kernel_size, stride, padding, bias=bias, groups=i)

    def forward(self, x):
        if self.stride == 1:
            kept, changed = x.chunk(2, dim=1)
            halves = (kept, self.branch2(changed))
        else:
            halves = (self.branch1(x), self.branch2(x))
        return channel_shuffle(cat(halves, dim=1), 2)


def channel_shuffle(x, groups):
    """One channel of each group in turn: (N, C, H, W) with channels 0 1 2 3 4 5 in two groups becomes 0 3 1 4 2 5."""
    count, channels, height, width = x.size()
    x = x.view(count, groups, channels // groups, height, width).transpose(1, 2).contiguous()
    return x.view(count, channels, height, width)


class ShuffleNetV2(nn.Module):
    """ShuffleNetV2 for images (N, 3, H, W).

    Args:
        stages_repeats: how many blocks each of the three stages has.
        stages_out_channels: channels after the first convolution, the stages and the last convolution.
        num_classes: features of the output.
        inverted_residual: a class with the arguments of InvertedResidual.

    Raises:
        ValueError: lists of another length.
    """

    def __init__(self, stages_repeats, stages_out_channels, num_classes=1000, inverted_residual=InvertedResidual):
        super().__init__()
        if len(stages_repeats) != 3:
            raise ValueError("expected stages_repeats as list of 3 positive ints")
        if len(stages_out_channels) != 5:
            raise ValueError("expected stages_out_channels as list of 5 positive ints")
        self._stage_out_channels = stages_out_channels
        channels, *widths, last = stages_out_channels
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
        )
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        for i, (repeats, width) in enumerate(zip(stages_repeats, widths, strict=True), 2):
            blocks = [inverted_residual(channels, width, 2)]
            blocks += [inverted_residual(width, width, 1) for _ in range(repeats - 1)]
            self.add_module(f"stage{i}", nn.Sequential(*blocks))
            channels = width
        self.conv5 = nn.Sequential(
            nn.Conv2d(channels, last, 1, 1, 0, bias=False), nn.BatchNorm2d(last), nn.ReLU(inplace=True)
        )
        self.fc = nn.Linear(last, num_classes)

    def forward(self, x):
        x = self.stage4(self.stage3(self.stage2(self.maxpool(self.conv1(x)))))
        return self.fc(self.conv5(x).mean([2, 3]))


ShuffleNet_V2_X0_5_Weights = published("ShuffleNet_V2_X0_5_Weights", __name__)
ShuffleNet_V2_X1_0_Weights = published("ShuffleNet_V2_X1_0_Weights", __name__)
ShuffleNet_V2_X1_5_Weights = published("ShuffleNet_V2_X1_5_Weights", __name__)
ShuffleNet_V2_X2_0_Weights = published("ShuffleNet_V2_X2_0_Weights", __name__)

_shufflenet = Family(ShuffleNetV2, __name__)
shufflenet_v2_x0_5 = _shufflenet("shufflenet_v2_x0_5", ShuffleNet_V2_X0_5_Weights, (4, 8, 4), (24, 48, 96, 192, 1024))
shufflenet_v2_x1_0 = _shufflenet("shufflenet_v2_x1_0", ShuffleNet_V2_X1_0_Weights, (4, 8, 4), (24, 116, 232, 464, 1024))
shufflenet_v2_x1_5 = _shufflenet("shufflenet_v2_x1_5", ShuffleNet_V2_X1_5_Weights, (4, 8, 4), (24, 176, 352, 704, 1024))
shufflenet_v2_x2_0 = _shufflenet("shufflenet_v2_x2_0", ShuffleNet_V2_X2_0_Weights, (4, 8, 4), (24, 244, 488, 976, 2048))
