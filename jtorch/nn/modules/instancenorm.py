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
    """Each channel of each sample of (N, C, L) brought to mean 0 and variance 1. See :func:`instance_norm`."""

    _input_dims = (2, 3)


class LazyInstanceNorm1d(_LazyNormBase, InstanceNorm1d):
    """An InstanceNorm1d that takes num_features from its first input."""

    cls_to_become = InstanceNorm1d


class InstanceNorm2d(_InstanceNorm):
    """Each channel of each sample of (N, C, H, W) brought to mean 0 and variance 1. See :func:`instance_norm`."""

    _input_dims = (3, 4)


class LazyInstanceNorm2d(_LazyNormBase, InstanceNorm2d):
    """An InstanceNorm2d that takes num_features from its first input."""

    cls_to_become = InstanceNorm2d


class InstanceNorm3d(_InstanceNorm):
    """Each channel of each sample of (N, C, D, H, W) brought to mean 0 and variance 1. See :func:`instance_norm`."""

    _input_dims = (4, 5)


class LazyInstanceNorm3d(_LazyNormBase, InstanceNorm3d):
    """An InstanceNorm3d that takes num_features from its first input."""

    cls_to_become = InstanceNorm3d
