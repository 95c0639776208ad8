"""Instance normalisation."""

from __future__ import annotations

import warnings

from jtorch.core.ops.layers import normalization
from jtorch.nn.modules.batchnorm import _LazyNormBase, _NormBase

__all__ = [
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LazyInstanceNorm1d",
    "LazyInstanceNorm2d",
    "LazyInstanceNorm3d",
]

# What the docstrings of the layers share: the arguments from the second on.
_ARGS = """\
        eps: added to the variance before the square root; it has the unit of input².
        momentum: how far the running statistics move to those of each batch.
        affine: learn a scale and a shift for each channel.
        track_running_stats: keep running statistics and use them in evaluation. False: always use those of the sample.
        bias: with affine=True, whether there is a shift.
        device, dtype: of the parameters and statistics; None: the defaults.
"""


class _InstanceNorm(_NormBase):
    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=False,
        track_running_stats=False,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def _get_no_batch_dim(self):
        return self._input_dims[0]

    def forward(self, input):
        self._check_input_dim(input)
        unbatched_dims = self._get_no_batch_dim()
        self._check_features(input, input.dim() - unbatched_dims)
        unbatched = input.dim() == unbatched_dims
        made = self._normalized(input.unsqueeze(0) if unbatched else input)
        return made.squeeze(0) if unbatched else made

    def _check_features(self, input, dim):
        if input.size(dim) == self.num_features:
            return
        if self.affine:
            raise ValueError(
                f"expected input's size at dim={dim} to match num_features ({self.num_features}), but got: {input.size(dim)}."
            )
        warnings.warn(
            f"input's size at dim={dim} does not match num_features. "
            "You can silence this warning by not passing in num_features, which is not used because affine=False",
            stacklevel=3,
        )

    def _normalized(self, input):
        return normalization.instance_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )


class InstanceNorm1d(_InstanceNorm):
    __doc__ = f"""Each channel of each sample brought to mean 0 and variance 1. See :func:`instance_norm`.

    Args:
        num_features: C.
{_ARGS}
    Shape:
        (N, C, L) or (C, L) → the same

    Raises:
        ValueError: an input of another number of dimensions, or with affine=True of another number of channels.

    >>> torch.nn.InstanceNorm1d(3)(torch.zeros(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    _input_dims = (2, 3)


class LazyInstanceNorm1d(_LazyNormBase, InstanceNorm1d):
    __doc__ = f"""An `InstanceNorm1d` that takes num_features from its first input.

    Until the first call its parameters have no shape. Afterwards it is an ordinary `InstanceNorm1d`.

    Args:
{_ARGS}
    Shape:
        (N, C, L) or (C, L) → the same

    >>> layer = torch.nn.LazyInstanceNorm1d(affine=True)
    >>> layer(torch.zeros(2, 3, 4)).shape, layer.num_features
    (torch.Size([2, 3, 4]), 3)
    """

    cls_to_become = InstanceNorm1d


class InstanceNorm2d(_InstanceNorm):
    __doc__ = f"""Each channel of each sample brought to mean 0 and variance 1. See :func:`instance_norm`.

    Args:
        num_features: C.
{_ARGS}
    Shape:
        (N, C, H, W) or (C, H, W) → the same

    Raises:
        ValueError: an input of another number of dimensions, or with affine=True of another number of channels.

    >>> torch.nn.InstanceNorm2d(3)(torch.zeros(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    """

    _input_dims = (3, 4)


class LazyInstanceNorm2d(_LazyNormBase, InstanceNorm2d):
    __doc__ = f"""An `InstanceNorm2d` that takes num_features from its first input.

    Until the first call its parameters have no shape. Afterwards it is an ordinary `InstanceNorm2d`.

    Args:
{_ARGS}
    Shape:
        (N, C, H, W) or (C, H, W) → the same

    >>> layer = torch.nn.LazyInstanceNorm2d(affine=True)
    >>> layer(torch.zeros(2, 3, 4, 4)).shape, layer.num_features
    (torch.Size([2, 3, 4, 4]), 3)
    """

    cls_to_become = InstanceNorm2d


class InstanceNorm3d(_InstanceNorm):
    __doc__ = f"""Each channel of each sample brought to mean 0 and variance 1. See :func:`instance_norm`.

    Args:
        num_features: C.
{_ARGS}
    Shape:
        (N, C, D, H, W) or (C, D, H, W) → the same

    Raises:
        ValueError: an input of another number of dimensions, or with affine=True of another number of channels.

    >>> torch.nn.InstanceNorm3d(3)(torch.zeros(2, 3, 2, 4, 4)).shape
    torch.Size([2, 3, 2, 4, 4])
    """

    _input_dims = (4, 5)


class LazyInstanceNorm3d(_LazyNormBase, InstanceNorm3d):
    __doc__ = f"""An `InstanceNorm3d` that takes num_features from its first input.

    Until the first call its parameters have no shape. Afterwards it is an ordinary `InstanceNorm3d`.

    Args:
{_ARGS}
    Shape:
        (N, C, D, H, W) or (C, D, H, W) → the same

    >>> layer = torch.nn.LazyInstanceNorm3d(affine=True)
    >>> layer(torch.zeros(2, 3, 2, 4, 4)).shape, layer.num_features
    (torch.Size([2, 3, 2, 4, 4]), 3)
    """

    cls_to_become = InstanceNorm3d
