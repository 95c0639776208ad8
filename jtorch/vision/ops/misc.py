"""Small modules that many vision models are made of."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from jtorch import nn
from jtorch.core.ops.make.create import ones, zeros


class FrozenBatchNorm2d(nn.Module):
    """Batch normalisation whose statistics, scale and shift are buffers: training changes none of them.

    Args:
        num_features: channels C of the input (N, C, H, W).
        eps: added to the variance.
    """

    def __init__(self, num_features, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", ones(num_features))
        self.register_buffer("bias", zeros(num_features))
        self.register_buffer("running_mean", zeros(num_features))
        self.register_buffer("running_var", ones(num_features))

    def _load_from_state_dict(self, state_dict, prefix, *rest):
        state_dict.pop(prefix + "num_batches_tracked", None)  # of an ordinary BatchNorm2d
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def forward(self, x):
        weight, bias, mean, variance = (
            each.reshape(1, -1, 1, 1) for each in (self.weight, self.bias, self.running_mean, self.running_var)
        )
        scale = weight * (variance + self.eps).rsqrt()
        return x * scale + (bias - mean * scale)

    def __repr__(self):
        return f"{type(self).__name__}({self.weight.shape[0]}, eps={self.eps})"


def same_padding(kernel_size, dilation):
    """The padding that keeps the size in a convolution with odd kernels and stride 1."""
    if isinstance(kernel_size, int) and isinstance(dilation, int):
        return (kernel_size - 1) // 2 * dilation
    count = len(kernel_size) if isinstance(kernel_size, Sequence) else len(dilation)
    kernels, dilations = (
        tuple(each) if isinstance(each, Sequence) else (each,) * count for each in (kernel_size, dilation)
    )
    return tuple([(k - 1) // 2 * d for k, d in zip(kernels, dilations, strict=True)])


class ConvNormActivation(nn.Sequential):
    """A convolution, a normalisation and an activation; the base of the classes for 2 and 3 dimensions.

    Args:
        in_channels, out_channels, kernel_size, stride, groups, dilation: as for the convolution.
        padding: None: as much as keeps the size at stride 1.
        norm_layer: called with the channels; None: no normalisation.
        activation_layer: None: no activation.
        inplace: passed to the activation, unless None.
        bias: None: a bias only where there is no normalisation.
        conv_layer: the class of the convolution.
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size=3,
        stride=1,
        padding=None,
        groups=1,
        norm_layer=nn.BatchNorm2d,
        activation_layer=nn.ReLU,
        dilation=1,
        inplace=True,
        bias=None,
        conv_layer=nn.Conv2d,
    ):
        if padding is None:
            padding = same_padding(kernel_size, dilation)
        layers = [
            conv_layer(
                in_channels,
                out_channels,
                kernel_size,
                stride,
                padding,
                dilation=dilation,
                groups=groups,
                bias=norm_layer is None if bias is None else bias,
            )
        ]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer() if inplace is None else activation_layer(inplace=inplace))
        super().__init__(*layers)
        self.out_channels = out_channels
        if type(self) is ConvNormActivation:
            warnings.warn(
                "Don't use ConvNormActivation directly, please use Conv2dNormActivation and Conv3dNormActivation instead.",
                stacklevel=2,
            )


class Conv2dNormActivation(ConvNormActivation):
    """Conv2d, a normalisation and an activation: see `ConvNormActivation` for the arguments."""

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size=3,
        stride=1,
        padding=None,
        groups=1,
        norm_layer=nn.BatchNorm2d,
        activation_layer=nn.ReLU,
        dilation=1,
        inplace=True,
        bias=None,
    ):
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, groups,
            norm_layer, activation_layer, dilation, inplace, bias, nn.Conv2d,
        )  # fmt: skip


class Conv3dNormActivation(ConvNormActivation):
    """Conv3d, a normalisation and an activation: see `ConvNormActivation` for the arguments."""

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size=3,
        stride=1,
        padding=None,
        groups=1,
        norm_layer=nn.BatchNorm3d,
        activation_layer=nn.ReLU,
        dilation=1,
        inplace=True,
        bias=None,
    ):
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, groups,
            norm_layer, activation_layer, dilation, inplace, bias, nn.Conv3d,
        )  # fmt: skip


class SqueezeExcitation(nn.Module):
    """Squeeze and excitation: two 1x1 convolutions compute a scale for each channel from the channels' means.

    Args:
        input_channels: channels of the input (N, C, H, W).
        squeeze_channels: channels between the convolutions.
        activation: the activation between them.
        scale_activation: the activation of the scale.
    """

    def __init__(self, input_channels, squeeze_channels, activation=nn.ReLU, scale_activation=nn.Sigmoid):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def forward(self, input):
        scale = self.fc2(self.activation(self.fc1(self.avgpool(input))))
        return self.scale_activation(scale) * input


class MLP(nn.Sequential):
    """Linear layers with a normalisation, an activation and dropout after each; the last has dropout only.

    Args:
        in_channels: features of the input (..., in_channels).
        hidden_channels: the features after each layer.
        norm_layer: called with the features; None: no normalisation.
        activation_layer: the activation.
        inplace: passed to the activation and to dropout, unless None.
        bias: whether the linear layers have a bias.
        dropout: the dropout probability.
    """

    def __init__(
        self,
        in_channels,
        hidden_channels,
        norm_layer=None,
        activation_layer=nn.ReLU,
        inplace=None,
        bias=True,
        dropout=0.0,
    ):
        options = {} if inplace is None else {"inplace": inplace}
        layers = []
        for i, features in enumerate(hidden_channels):
            layers.append(nn.Linear(in_channels, features, bias=bias))
            if i < len(hidden_channels) - 1:
                layers += [norm_layer(features)] if norm_layer is not None else []
                layers.append(activation_layer(**options))
            layers.append(nn.Dropout(dropout, **options))
            in_channels = features
        super().__init__(*layers)


class Permute(nn.Module):
    """The input with its dimensions in another order."""

    def __init__(self, dims):
        super().__init__()
        self.dims = dims

    def forward(self, x):
        return x.permute(self.dims)
