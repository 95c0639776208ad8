"""Batch normalisation, and the scale, shift and running statistics that it shares with instance normalisation."""

from __future__ import annotations

from jtorch.core.facts import dtypes
from jtorch.core.ops.layers import normalization
from jtorch.core.ops.make.create import empty, ones, zeros
from jtorch.core.tensor import tensor
from jtorch.nn import init
from jtorch.nn.modules.lazy import LazyModuleMixin
from jtorch.nn.modules.module import Module
from jtorch.nn.parameter import Parameter, UninitializedBuffer, UninitializedParameter, is_lazy

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "SyncBatchNorm",
]

# What the docstrings of the layers share: the arguments from the second on.
_ARGS = """\
        eps: added to the variance before the square root; it has the unit of input².
        momentum: how far the running statistics move to those of each batch; None: they are the mean over all batches.
        affine: learn a scale and a shift for each channel.
        track_running_stats: keep running statistics and use them in evaluation. False: always use those of the batch.
        bias: with affine=True, whether there is a shift.
        device, dtype: of the parameters and statistics; None: the defaults.
"""


class _NormBase(Module):
    """Scale, shift and running statistics of each channel."""

    _version = 2
    __constants__ = ["track_running_stats", "momentum", "eps", "num_features", "affine"]
    _input_dims = ()  # the numbers of dimensions that the input may have

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__()
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        if affine:
            self.weight = Parameter(empty(num_features, device=device, dtype=dtype))
        else:
            self.register_parameter("weight", None)
        if affine and bias:
            self.bias = Parameter(empty(num_features, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        if track_running_stats:
            self.register_buffer("running_mean", zeros(num_features, device=device, dtype=dtype))
            self.register_buffer("running_var", ones(num_features, device=device, dtype=dtype))
            self.register_buffer("num_batches_tracked", tensor(0, dtype=dtypes.int64, device=device))
        else:
            self.register_buffer("running_mean", None)
            self.register_buffer("running_var", None)
            self.register_buffer("num_batches_tracked", None)
        self.reset_parameters()

    def reset_running_stats(self):
        if self.track_running_stats:
            self.running_mean.zero_()
            self.running_var.fill_(1)
            self.num_batches_tracked.zero_()

    def reset_parameters(self):
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _check_input_dim(self, input):
        if not self._input_dims:
            raise NotImplementedError
        if input.dim() not in self._input_dims:
            wanted = " or ".join(f"{d}D" for d in self._input_dims)
            raise ValueError(f"expected {wanted} input (got {input.dim()}D input)")

    def extra_repr(self):
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine},"
            f" bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )

    def _load_from_state_dict(
        self, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
    ):
        version = local_metadata.get("version", None)
        key = prefix + "num_batches_tracked"
        if (version is None or version < 2) and self.track_running_stats and key not in state_dict:
            counted = self.num_batches_tracked
            state_dict[key] = counted if counted is not None else tensor(0, dtype=dtypes.int64)
        super()._load_from_state_dict(
            state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs
        )


class _BatchNorm(_NormBase):
    def forward(self, input):
        self._check_input_dim(input)
        average = 0.0 if self.momentum is None else self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:  # the mean over all batches
                average = 1.0 / float(self.num_batches_tracked)
        batch = self.training or (self.running_mean is None and self.running_var is None)
        kept = not self.training or self.track_running_stats
        running = (self.running_mean, self.running_var) if kept else (None, None)
        return self._normalized(input, *running, batch, average)

    def _normalized(self, input, running_mean, running_var, batch, average):
        return normalization.batch_norm(
            input, running_mean, running_var, self.weight, self.bias, batch, average, self.eps
        )


class _LazyNormBase(LazyModuleMixin):
    def __init__(
        self, eps=1e-5, momentum=0.1, affine=True, track_running_stats=True, device=None, dtype=None, *, bias=True
    ):
        super().__init__(0, eps, momentum, False, False, device, dtype, bias=False)
        self.affine = affine
        self.track_running_stats = track_running_stats
        if self.affine:
            self.weight = UninitializedParameter(device=device, dtype=dtype)
            if bias:
                self.bias = UninitializedParameter(device=device, dtype=dtype)
        if self.track_running_stats:
            self.running_mean = UninitializedBuffer(device=device, dtype=dtype)
            self.running_var = UninitializedBuffer(device=device, dtype=dtype)
            self.num_batches_tracked = tensor(0, dtype=dtypes.int64, device=device)

    def reset_parameters(self):
        if not self.has_uninitialized_params() and self.num_features != 0:
            super().reset_parameters()

    def initialize_parameters(self, input):
        if not self.has_uninitialized_params():
            return
        self.num_features = input.shape[1]
        for _, t in self._own_state():
            if t is not None and is_lazy(t):
                t.materialize((self.num_features,))
        self.reset_parameters()


class BatchNorm1d(_BatchNorm):
    __doc__ = f"""Each channel, over the whole batch, brought to mean 0 and variance 1, then scaled and shifted.

    In evaluation it uses the running statistics. See :func:`batch_norm`.

    Args:
        num_features: C.
{_ARGS}
    Shape:
        (N, C) or (N, C, L) → the same

    Attributes:
        weight, bias: (C), 1 and 0 at first; None with affine=False.
        running_mean, running_var: (C), buffers, 0 and 1 at first; the variance is the unbiased one.
        num_batches_tracked: an int64 buffer, how many batches they have seen.

    Raises:
        ValueError: an input of another number of dimensions, or one value per channel in training.

    >>> torch.nn.BatchNorm1d(3)(torch.zeros(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """

    _input_dims = (2, 3)


class LazyBatchNorm1d(_LazyNormBase, BatchNorm1d):
    __doc__ = f"""A `BatchNorm1d` that takes num_features from its first input.

    Until the first call its parameters have no shape. Afterwards it is an ordinary `BatchNorm1d`.

    Args:
{_ARGS}
    Shape:
        (N, C) or (N, C, L) → the same

    >>> layer = torch.nn.LazyBatchNorm1d()
    >>> layer(torch.zeros(2, 3, 4)).shape, layer.num_features
    (torch.Size([2, 3, 4]), 3)
    """

    cls_to_become = BatchNorm1d


class BatchNorm2d(_BatchNorm):
    __doc__ = f"""Each channel, over the whole batch, brought to mean 0 and variance 1, then scaled and shifted.

    In evaluation it uses the running statistics. See :func:`batch_norm`.

    Args:
        num_features: C.
{_ARGS}
    Shape:
        (N, C, H, W) → the same

    Attributes:
        weight, bias: (C), 1 and 0 at first; None with affine=False.
        running_mean, running_var: (C), buffers, 0 and 1 at first; the variance is the unbiased one.
        num_batches_tracked: an int64 buffer, how many batches they have seen.

    Raises:
        ValueError: an input of another number of dimensions, or one value per channel in training.

    >>> torch.nn.BatchNorm2d(3)(torch.zeros(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    """

    _input_dims = (4,)


class LazyBatchNorm2d(_LazyNormBase, BatchNorm2d):
    __doc__ = f"""A `BatchNorm2d` that takes num_features from its first input.

    Until the first call its parameters have no shape. Afterwards it is an ordinary `BatchNorm2d`.

    Args:
{_ARGS}
    Shape:
        (N, C, H, W) → the same

    >>> layer = torch.nn.LazyBatchNorm2d()
    >>> layer(torch.zeros(2, 3, 4, 4)).shape, layer.num_features
    (torch.Size([2, 3, 4, 4]), 3)
    """

    cls_to_become = BatchNorm2d


class BatchNorm3d(_BatchNorm):
    __doc__ = f"""Each channel, over the whole batch, brought to mean 0 and variance 1, then scaled and shifted.

    In evaluation it uses the running statistics. See :func:`batch_norm`.

    Args:
        num_features: C.
{_ARGS}
    Shape:
        (N, C, D, H, W) → the same

    Attributes:
        weight, bias: (C), 1 and 0 at first; None with affine=False.
        running_mean, running_var: (C), buffers, 0 and 1 at first; the variance is the unbiased one.
        num_batches_tracked: an int64 buffer, how many batches they have seen.

    Raises:
        ValueError: an input of another number of dimensions, or one value per channel in training.

    >>> torch.nn.BatchNorm3d(3)(torch.zeros(2, 3, 2, 4, 4)).shape
    torch.Size([2, 3, 2, 4, 4])
    """

    _input_dims = (5,)


class LazyBatchNorm3d(_LazyNormBase, BatchNorm3d):
    __doc__ = f"""A `BatchNorm3d` that takes num_features from its first input.

    Until the first call its parameters have no shape. Afterwards it is an ordinary `BatchNorm3d`.

    Args:
{_ARGS}
    Shape:
        (N, C, D, H, W) → the same

    >>> layer = torch.nn.LazyBatchNorm3d()
    >>> layer(torch.zeros(2, 3, 2, 4, 4)).shape, layer.num_features
    (torch.Size([2, 3, 2, 4, 4]), 3)
    """

    cls_to_become = BatchNorm3d


_over_processes = None  # set by `jtorch.distributed`: see `normalize_over`


def normalize_over(function) -> None:
    """Let `function(module, input, running_mean, running_var, average)` normalize over several processes.

    It returns None where there is one process.
    """
    global _over_processes
    _over_processes = function


class SyncBatchNorm(_BatchNorm):
    __doc__ = f"""Batch norm over the batches of all processes together. See `BatchNorm2d`.

    Args:
        num_features: C.
        process_group: the processes; None: all. Without a process group, or with one process, it is an ordinary
            batch norm.
{_ARGS}
    Shape:
        (N, C, *) → the same

    Raises:
        ValueError: an input with fewer than two dimensions.

    Differs from torch: it also works on the CPU, where PyTorch's raises ValueError.

    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    >>> torch.nn.SyncBatchNorm.convert_sync_batchnorm(net)[1].num_features
    3
    """

    def __init__(
        self,
        num_features,
        eps=1e-5,
        momentum=0.1,
        affine=True,
        track_running_stats=True,
        process_group=None,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self.process_group = process_group

    def _check_input_dim(self, input):
        if input.dim() < 2:
            raise ValueError(f"expected at least 2D input (got {input.dim()}D input)")

    def _normalized(self, input, running_mean, running_var, batch, average):
        if batch and self.training and _over_processes is not None:
            made = _over_processes(self, input, running_mean, running_var, average)
            if made is not None:
                return made
        return super()._normalized(input, running_mean, running_var, batch, average)

    @classmethod
    def convert_sync_batchnorm(cls, module, process_group=None):
        """The module with every batch norm inside replaced by a SyncBatchNorm of the same state."""
        made = module
        if isinstance(module, _BatchNorm) and not isinstance(module, cls):
            made = cls(
                module.num_features,
                module.eps,
                module.momentum,
                module.affine,
                module.track_running_stats,
                process_group,
            )
            made._parameters.update(module._parameters)
            made._buffers.update(module._buffers)
            made.training = module.training
        for name, child in module.named_children():
            made.add_module(name, cls.convert_sync_batchnorm(child, process_group))
        return made


def replace_all_batch_norm_modules_(root):
    """Let the BatchNorm layers of a module keep no running statistics: `vmap` cannot write them in place. Returns the module.

    >>> model = torch.func.replace_all_batch_norm_modules_(torch.nn.Sequential(torch.nn.BatchNorm1d(2)))
    >>> print(model[0].running_mean)
    None
    """
    for module in root.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
