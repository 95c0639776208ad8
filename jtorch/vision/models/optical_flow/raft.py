"""RAFT (Teed and Deng, 2020): optical flow, updated step by step from the correlations of all pairs of cells."""

from __future__ import annotations

import math

from jtorch import nn
from jtorch.core.ops.functional import avg_pool2d, relu
from jtorch.core.ops.functions import cat, linspace, meshgrid, stack
from jtorch.vision.models._api import register_model
from jtorch.vision.models._published import published
from jtorch.vision.models._utils import fan_out, handle_legacy_interface, load_weights
from jtorch.vision.models.optical_flow._utils import make_coords_grid, sample_at, upsample_flow
from jtorch.vision.ops.misc import Conv2dNormActivation

__all__ = ["RAFT", "Raft_Large_Weights", "Raft_Small_Weights", "raft_large", "raft_small"]


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a skip connection, with a convolution at stride 2 or if `always_project`."""

    def __init__(self, in_channels, out_channels, *, norm_layer, stride=1, always_project=False):
        super().__init__()
        options = {"norm_layer": norm_layer, "bias": True}
        self.convnormrelu1 = Conv2dNormActivation(in_channels, out_channels, kernel_size=3, stride=stride, **options)
        self.convnormrelu2 = Conv2dNormActivation(out_channels, out_channels, kernel_size=3, **options)
        if stride == 1 and not always_project:
            self.downsample = nn.Identity()
        else:
            self.downsample = Conv2dNormActivation(
                in_channels, out_channels, kernel_size=1, stride=stride, activation_layer=None, **options
            )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.downsample(x) + self.convnormrelu2(self.convnormrelu1(x)))


class BottleneckBlock(nn.Module):
    """A 1x1, a 3x3 and a 1x1 convolution and a skip connection, with a convolution at stride 2."""

    def __init__(self, in_channels, out_channels, *, norm_layer, stride=1):
        super().__init__()
        options, inner = {"norm_layer": norm_layer, "bias": True}, out_channels // 4
        self.convnormrelu1 = Conv2dNormActivation(in_channels, inner, kernel_size=1, **options)
        self.convnormrelu2 = Conv2dNormActivation(inner, inner, kernel_size=3, stride=stride, **options)
        self.convnormrelu3 = Conv2dNormActivation(inner, out_channels, kernel_size=1, **options)
        self.relu = nn.ReLU(inplace=True)
        if stride == 1:
            self.downsample = nn.Identity()
        else:
            self.downsample = Conv2dNormActivation(
                in_channels, out_channels, kernel_size=1, stride=stride, activation_layer=None, **options
            )

    def forward(self, x):
        y = self.convnormrelu3(self.convnormrelu2(self.convnormrelu1(x)))
        return self.relu(self.downsample(x) + y)


class FeatureEncoder(nn.Module):
    """Features of an image at an eighth of the size.

    Args:
        block: ResidualBlock or BottleneckBlock.
        layers: five numbers of channels.
        strides: of the first four layers.
        norm_layer: called with the channels; None: no normalisation.

    Raises:
        ValueError: not five layers.
    """

    def __init__(
        self,
        *,
        block=ResidualBlock,
        layers=(64, 64, 96, 128, 256),
        strides=(2, 1, 2, 2),
        norm_layer=nn.BatchNorm2d,
    ):
        super().__init__()
        if len(layers) != 5:
            raise ValueError(f"The expected number of layers is 5, instead got {len(layers)}")
        self.convnormrelu = Conv2dNormActivation(
            3, layers[0], norm_layer=norm_layer, kernel_size=7, stride=strides[0], bias=True
        )
        for i in range(3):
            first = block(layers[i], layers[i + 1], norm_layer=norm_layer, stride=strides[i + 1])
            second = block(layers[i + 1], layers[i + 1], norm_layer=norm_layer, stride=1)
            self.add_module(f"layer{i + 1}", nn.Sequential(first, second))
        self.conv = nn.Conv2d(layers[3], layers[4], kernel_size=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out(module.weight)
            elif isinstance(module, nn.BatchNorm2d | nn.InstanceNorm2d) and module.weight is not None:
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)
        self.output_dim = layers[-1]
        self.downsample_factor = 2 ** sum(stride == 2 for stride in strides)

    def forward(self, x):
        return self.conv(self.layer3(self.layer2(self.layer1(self.convnormrelu(x)))))


class MotionEncoder(nn.Module):
    """Features of a flow and of the correlations at it. Raises ValueError for other numbers of layers."""

    def __init__(self, *, in_channels_corr, corr_layers=(256, 192), flow_layers=(128, 64), out_channels=128):
        super().__init__()
        if len(flow_layers) != 2:
            raise ValueError(f"The expected number of flow_layers is 2, instead got {len(flow_layers)}")
        if len(corr_layers) not in (1, 2):
            raise ValueError(f"The number of corr_layers should be 1 or 2, instead got {len(corr_layers)}")
        conv = lambda first, last, size: Conv2dNormActivation(first, last, norm_layer=None, kernel_size=size)
        self.convcorr1 = conv(in_channels_corr, corr_layers[0], 1)
        self.convcorr2 = conv(*corr_layers, 3) if len(corr_layers) == 2 else nn.Identity()
        self.convflow1 = conv(2, flow_layers[0], 7)
        self.convflow2 = conv(*flow_layers, 3)
        self.conv = conv(corr_layers[-1] + flow_layers[-1], out_channels - 2, 3)
        self.out_channels = out_channels

    def forward(self, flow, corr_features):
        correlations = self.convcorr2(self.convcorr1(corr_features))
        moved = self.convflow2(self.convflow1(flow))
        return cat([self.conv(cat([correlations, moved], dim=1)), flow], dim=1)


class ConvGRU(nn.Module):
    """A GRU whose layers are convolutions."""

    def __init__(self, *, input_size, hidden_size, kernel_size, padding):
        super().__init__()
        options = {"kernel_size": kernel_size, "padding": padding}
        self.convz = nn.Conv2d(hidden_size + input_size, hidden_size, **options)
        self.convr = nn.Conv2d(hidden_size + input_size, hidden_size, **options)
        self.convq = nn.Conv2d(hidden_size + input_size, hidden_size, **options)

    def forward(self, h, x):
        both = cat([h, x], dim=1)
        z, r = self.convz(both).sigmoid(), self.convr(both).sigmoid()
        q = self.convq(cat([r * h, x], dim=1)).tanh()
        return (1 - z) * h + z * q


class RecurrentBlock(nn.Module):
    """One or two ConvGRUs. Raises ValueError for other numbers of kernels and paddings."""

    def __init__(self, *, input_size, hidden_size, kernel_size=((1, 5), (5, 1)), padding=((0, 2), (2, 0))):
        super().__init__()
        if len(kernel_size) != len(padding):
            raise ValueError(
                "kernel_size should have the same length as padding, instead got "
                f"len(kernel_size) = {len(kernel_size)} and len(padding) = {len(padding)}"
            )
        if len(kernel_size) not in (1, 2):
            raise ValueError(f"kernel_size should either 1 or 2, instead got {len(kernel_size)}")
        units = [
            ConvGRU(input_size=input_size, hidden_size=hidden_size, kernel_size=kernel, padding=around)
            for kernel, around in zip(kernel_size, padding, strict=True)
        ]
        self.convgru1 = units[0]
        self.convgru2 = units[1] if len(units) == 2 else lambda h, x: h
        self.hidden_size = hidden_size

    def forward(self, h, x):
        return self.convgru2(self.convgru1(h, x), x)


class FlowHead(nn.Module):
    """The change of the flow."""

    def __init__(self, *, in_channels, hidden_size):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, hidden_size, 3, padding=1)
        self.conv2 = nn.Conv2d(hidden_size, 2, 3, padding=1)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.conv2(self.relu(self.conv1(x)))


class UpdateBlock(nn.Module):
    """One step: the new state, and the change of the flow."""

    def __init__(self, *, motion_encoder, recurrent_block, flow_head):
        super().__init__()
        self.motion_encoder = motion_encoder
        self.recurrent_block = recurrent_block
        self.flow_head = flow_head
        self.hidden_state_size = recurrent_block.hidden_size

    def forward(self, hidden_state, context, corr_features, flow):
        motion = self.motion_encoder(flow, corr_features)
        hidden_state = self.recurrent_block(hidden_state, cat([context, motion], dim=1))
        return hidden_state, self.flow_head(hidden_state)


class MaskPredictor(nn.Module):
    """The logits with which the flow is upsampled: see :func:`upsample_flow`."""

    def __init__(self, *, in_channels, hidden_size, multiplier=0.25):
        super().__init__()
        self.convrelu = Conv2dNormActivation(in_channels, hidden_size, norm_layer=None, kernel_size=3)
        self.conv = nn.Conv2d(hidden_size, 8 * 8 * 9, 1, padding=0)
        self.multiplier = multiplier

    def forward(self, x):
        return self.multiplier * self.conv(self.convrelu(x))


class CorrBlock(nn.Module):
    """The correlations of all pairs of cells, at several sizes, and samples of them.

    Args:
        num_levels: sizes, each half of the one before.
        radius: cells around a point that are sampled along each side.
    """

    def __init__(self, *, num_levels=4, radius=4):
        super().__init__()
        self.num_levels = num_levels
        self.radius = radius
        self.corr_pyramid = []
        self.out_channels = num_levels * (2 * radius + 1) ** 2

    def build_pyramid(self, fmap1, fmap2):
        """Compute the correlations. Raises ValueError for features of other shapes, or too small ones."""
        if fmap1.shape != fmap2.shape:
            raise ValueError(
                f"Input feature maps should have the same shape, instead got {fmap1.shape} (fmap1.shape) != {fmap2.shape} (fmap2.shape)"
            )
        least = 2 * 2 ** (self.num_levels - 1)
        if any(size < least for size in fmap1.shape[-2:]):
            raise ValueError(
                "Feature maps are too small to be down-sampled by the correlation pyramid. "
                f"H and W of feature maps should be at least {least}; got: {fmap1.shape[-2:]}. "
                "Remember that input images to the model are downsampled by 8, so that means their "
                f"dimensions should be at least 8 * {least} = {8 * least}."
            )
        count, channels, h, w = fmap1.shape
        flat1, flat2 = (each.view(count, channels, h * w) for each in (fmap1, fmap2))
        volume = flat1.transpose(1, 2).matmul(flat2).view(count, h, w, 1, h, w) / math.sqrt(channels)
        volume = volume.reshape(count * h * w, 1, h, w)
        self.corr_pyramid = [volume]
        for _ in range(self.num_levels - 1):
            volume = avg_pool2d(volume, kernel_size=2, stride=2)
            self.corr_pyramid.append(volume)

    def index_pyramid(self, centroids_coords):
        """The correlations around points (N, 2, h, w): (N, out_channels, h, w)."""
        side = 2 * self.radius + 1
        steps = linspace(-self.radius, self.radius, side, device=centroids_coords.device)
        around = stack(meshgrid(steps, steps, indexing="ij"), dim=-1).view(1, side, side, 2)
        count, _, h, w = centroids_coords.shape
        points = centroids_coords.permute(0, 2, 3, 1).reshape(count * h * w, 1, 1, 2)
        found = []
        for volume in self.corr_pyramid:
            found.append(sample_at(volume, points + around).view(count, h, w, -1))
            points = points / 2
        return cat(found, dim=-1).permute(0, 3, 1, 2).contiguous()


class RAFT(nn.Module):
    """RAFT: the flow from one image to another.

    Args:
        feature_encoder: computes the features of both images, at an eighth of the size.
        context_encoder: computes the first state and the context, from the first image.
        corr_block: see `CorrBlock`.
        update_block: see `UpdateBlock`.
        mask_predictor: see `MaskPredictor`; None: the flow is interpolated.

    Its call takes two images (N, 3, H, W), with values from -1 to 1 and sides that are multiples of 8, and the number of steps.
    It returns the flow (N, 2, H, W), as x and y, after each step.

    Raises:
        ValueError: an update_block without hidden_state_size; images or features of other shapes.
    """

    def __init__(self, *, feature_encoder, context_encoder, corr_block, update_block, mask_predictor=None):
        super().__init__()
        self.feature_encoder = feature_encoder
        self.context_encoder = context_encoder
        self.corr_block = corr_block
        self.update_block = update_block
        self.mask_predictor = mask_predictor
        if not hasattr(self.update_block, "hidden_state_size"):
            raise ValueError("The update_block parameter should expose a 'hidden_state_size' attribute.")

    def _context(self, image, size):
        """The first state, and the context."""
        out = self.context_encoder(image)
        if out.shape[-2:] != size:
            raise ValueError("The context encoder should downsample H and W by 8")
        hidden = self.update_block.hidden_state_size
        if out.shape[1] <= hidden:
            raise ValueError(
                f"The context encoder outputs {out.shape[1]} channels, but it should have at strictly more than"
                f" hidden_state={hidden} channels"
            )
        state, context = out.split([hidden, out.shape[1] - hidden], dim=1)
        return state.tanh(), relu(context)

    def forward(self, image1, image2, num_flow_updates=12):
        count, _, h, w = image1.shape
        if (h, w) != image2.shape[-2:]:
            raise ValueError(f"input images should have the same shape, instead got ({h}, {w}) != {image2.shape[-2:]}")
        if not (h % 8 == 0 and w % 8 == 0):
            raise ValueError(f"input image H and W should be divisible by 8, instead got {h} (h) and {w} (w)")
        size = (h // 8, w // 8)
        features1, features2 = self.feature_encoder(cat([image1, image2], dim=0)).chunk(2, dim=0)
        if features1.shape[-2:] != size:
            raise ValueError("The feature encoder should downsample H and W by 8")
        self.corr_block.build_pyramid(features1, features2)
        state, context = self._context(image1, size)
        start = points = make_coords_grid(count, *size, device=features1.device)
        flows = []
        for _ in range(num_flow_updates):
            points = points.detach()  # gradients do not go back through the steps, as in the paper
            correlations = self.corr_block.index_pyramid(centroids_coords=points)
            state, change = self.update_block(state, context, correlations, points - start)
            points = points + change
            mask = None if self.mask_predictor is None else self.mask_predictor(state)
            flows.append(upsample_flow(flow=points - start, up_mask=mask))
        return flows


def _raft(block, features, contexts, context_norm, radius, motion, hidden, kernels, head, has_mask, **kwargs):
    """A model from its settings. The caller may give parts of it instead."""
    feature_encoder = kwargs.pop("feature_encoder", None) or FeatureEncoder(
        block=block, layers=features, norm_layer=nn.InstanceNorm2d
    )
    context_encoder = kwargs.pop("context_encoder", None) or FeatureEncoder(
        block=block, layers=contexts, norm_layer=context_norm
    )
    corr_block = kwargs.pop("corr_block", None) or CorrBlock(num_levels=4, radius=radius)
    update_block = kwargs.pop("update_block", None)
    if update_block is None:
        correlations, flows, width = motion
        encoder = MotionEncoder(
            in_channels_corr=corr_block.out_channels, corr_layers=correlations, flow_layers=flows, out_channels=width
        )
        recurrent = RecurrentBlock(
            input_size=encoder.out_channels + contexts[-1] - hidden,
            hidden_size=hidden,
            kernel_size=[kernel for kernel, _ in kernels],
            padding=[padding for _, padding in kernels],
        )
        flow_head = FlowHead(in_channels=hidden, hidden_size=head)
        update_block = UpdateBlock(motion_encoder=encoder, recurrent_block=recurrent, flow_head=flow_head)
    mask_predictor = kwargs.pop("mask_predictor", None)
    if mask_predictor is None and has_mask:
        mask_predictor = MaskPredictor(in_channels=hidden, hidden_size=256, multiplier=0.25)
    return RAFT(
        feature_encoder=feature_encoder,
        context_encoder=context_encoder,
        corr_block=corr_block,
        update_block=update_block,
        mask_predictor=mask_predictor,
        **kwargs,
    )


Raft_Large_Weights = published("Raft_Large_Weights", __name__)
Raft_Small_Weights = published("Raft_Small_Weights", __name__)


@register_model()
@handle_legacy_interface(weights=("pretrained", Raft_Large_Weights.C_T_SKHT_V2))
def raft_large(*, weights: Raft_Large_Weights | None = None, progress=True, **kwargs) -> RAFT:
    """The large RAFT.

    `kwargs` may replace its parts: feature_encoder, context_encoder, corr_block, update_block, mask_predictor."""
    weights = Raft_Large_Weights.verify(weights)
    layers, kernels = (64, 64, 96, 128, 256), (((1, 5), (0, 2)), ((5, 1), (2, 0)))
    motion = ((256, 192), (128, 64), 128)
    model = _raft(ResidualBlock, layers, layers, nn.BatchNorm2d, 4, motion, 128, kernels, 256, True, **kwargs)
    return load_weights(model, weights, progress)


@register_model()
@handle_legacy_interface(weights=("pretrained", Raft_Small_Weights.C_T_V2))
def raft_small(*, weights: Raft_Small_Weights | None = None, progress=True, **kwargs) -> RAFT:
    """The small RAFT; `kwargs` as for :func:`raft_large`."""
    weights = Raft_Small_Weights.verify(weights)
    features, contexts, motion = (32, 32, 64, 96, 128), (32, 32, 64, 96, 160), ((96,), (64, 32), 82)
    model = _raft(BottleneckBlock, features, contexts, None, 3, motion, 96, ((3, 1),), 128, False, **kwargs)
    return load_weights(model, weights, progress)
