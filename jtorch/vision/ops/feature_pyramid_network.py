"""Feature pyramids (Lin and others, 2017): features of several sizes with the same number of channels."""

from __future__ import annotations

from collections import OrderedDict

from jtorch import nn
from jtorch.core.ops.functional import interpolate, max_pool2d, relu
from jtorch.vision.ops.misc import Conv2dNormActivation


class ExtraFPNBlock(nn.Module):
    """Adds smaller features to a pyramid: `forward(results, x, names)` appends to results and names."""

    def forward(self, results, x, names):
        """The base does nothing."""


class FeaturePyramidNetwork(nn.Module):
    """Merges features of each size with the upsampled features of the next smaller size, all with the same channels.

    Args:
        in_channels_list: channels of the features, from large to small sizes.
        out_channels: channels of the results.
        extra_blocks: adds smaller features.
        norm_layer: called with the channels; None: no normalisation.

    Raises:
        ValueError: 0 channels.
        TypeError: extra_blocks is not an ExtraFPNBlock.

    The input is a dict of tensors (N, C, H, W) in the order of the list; so is the output.
    """

    _version = 2  # in version 1 each block was one convolution

    def __init__(self, in_channels_list, out_channels, extra_blocks=None, norm_layer=None):
        super().__init__()
        self.inner_blocks = nn.ModuleList()
        self.layer_blocks = nn.ModuleList()
        options = {"norm_layer": norm_layer, "activation_layer": None}
        for channels in in_channels_list:
            if channels == 0:
                raise ValueError("in_channels=0 is currently not supported")
            self.inner_blocks.append(Conv2dNormActivation(channels, out_channels, kernel_size=1, padding=0, **options))
            self.layer_blocks.append(Conv2dNormActivation(out_channels, out_channels, kernel_size=3, **options))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_uniform_(module.weight, a=1)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        if extra_blocks is not None and not isinstance(extra_blocks, ExtraFPNBlock):
            raise TypeError(f"extra_blocks should be of type ExtraFPNBlock not {type(extra_blocks)}")
        self.extra_blocks = extra_blocks

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *rest):
        if (local_metadata.get("version") or 1) < 2:
            for block in ("inner_blocks", "layer_blocks"):
                for i in range(len(self.inner_blocks)):
                    for kind in ("weight", "bias"):
                        old = f"{prefix}{block}.{i}.{kind}"
                        if old in state_dict:
                            state_dict[f"{prefix}{block}.{i}.0.{kind}"] = state_dict.pop(old)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def forward(self, x):
        names, features = list(x), list(x.values())
        inner = self.inner_blocks[-1](features[-1])
        results = [self.layer_blocks[-1](inner)]
        for i in range(len(features) - 2, -1, -1):
            lateral = self.inner_blocks[i](features[i])
            inner = lateral + interpolate(inner, size=lateral.shape[-2:], mode="nearest")
            results.insert(0, self.layer_blocks[i](inner))
        if self.extra_blocks is not None:
            results, names = self.extra_blocks(results, features, names)
        return OrderedDict(zip(names, results, strict=True))


class LastLevelMaxPool(ExtraFPNBlock):
    """Adds "pool": every second cell of the smallest features."""

    def forward(self, x, y, names):
        return [*x, max_pool2d(x[-1], kernel_size=1, stride=2, padding=0)], [*names, "pool"]


class LastLevelP6P7(ExtraFPNBlock):
    """Adds two convolutions with stride 2 as "p6" and "p7": of the smallest result, or of the smallest input if the channels
    differ."""

    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.p6 = nn.Conv2d(in_channels, out_channels, 3, 2, 1)
        self.p7 = nn.Conv2d(out_channels, out_channels, 3, 2, 1)
        for module in (self.p6, self.p7):
            nn.init.kaiming_uniform_(module.weight, a=1)
            nn.init.zeros_(module.bias)
        self.use_P5 = in_channels == out_channels

    def forward(self, p, c, names):
        p6 = self.p6(p[-1] if self.use_P5 else c[-1])
        return [*p, p6, self.p7(relu(p6))], [*names, "p6", "p7"]
