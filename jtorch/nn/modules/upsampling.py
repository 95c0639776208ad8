"""Upsample, and its two older forms."""

from __future__ import annotations

from jtorch.core.ops.windows.resize import interpolate
from jtorch.nn.modules.module import Module

__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]


class Upsample(Module):
    """The input, resized. See :func:`interpolate`.

    Args:
        size: the new size of each spatial dimension. Give either this or scale_factor.
        scale_factor: the factor by which each spatial dimension grows: a number, or one for each dimension.
        mode: "nearest", "nearest-exact", "linear" (L), "bilinear" or "bicubic" (H, W), "area", or "trilinear" (D, H,
            W).
        align_corners: whether the centres of the corner cells keep their values, or the edges of the cells are aligned.
            For linear, bilinear, bicubic and trilinear only; None: False.
        recompute_scale_factor: work with the ratio of the sizes, which are rounded, and not with scale_factor itself.

    Shape:
        (N, C, L), (N, C, H, W) or (N, C, D, H, W) → the same with the new sizes

    >>> torch.nn.Upsample(scale_factor=2)(torch.zeros(1, 1, 2, 2)).shape
    torch.Size([1, 1, 4, 4])
    """

    __constants__ = ["size", "scale_factor", "mode", "align_corners", "name", "recompute_scale_factor"]

    def __init__(self, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None):
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input):
        return interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def __setstate__(self, state):
        state.setdefault("recompute_scale_factor", True)
        super().__setstate__(state)

    def extra_repr(self):
        sized = f"size={self.size!r}" if self.scale_factor is None else f"scale_factor={self.scale_factor!r}"
        return f"{sized}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """`Upsample` with mode="nearest": each cell takes the value of the nearest cell of the input.

    Args:
        size: (H, W) of the result. Give either this or scale_factor.
        scale_factor: the factor by which both grow: a number or a pair.

    Shape:
        (N, C, H, W) → the same with the new sizes

    >>> torch.nn.UpsamplingNearest2d(scale_factor=2)(torch.tensor([[[[1., 2.]]]]))
    tensor([[[[1., 1., 2., 2.],
              [1., 1., 2., 2.]]]])
    """

    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """`Upsample` with mode="bilinear" and align_corners=True.

    Args:
        size: (H, W) of the result. Give either this or scale_factor.
        scale_factor: the factor by which both grow: a number or a pair.

    Shape:
        (N, C, H, W) → the same with the new sizes

    >>> torch.nn.UpsamplingBilinear2d((1, 3))(torch.tensor([[[[1., 2.]]]]))
    tensor([[[[1.0000, 1.5000, 2.0000]]]])
    """

    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
