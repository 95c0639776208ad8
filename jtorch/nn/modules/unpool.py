"""Pooling layers beside the usual: undone, by powers, at random places."""

from __future__ import annotations

from jtorch.core.ops.windows import pool, unpool
from jtorch.nn.modules.module import Module


def _each(value, dims):
    return tuple(value) if isinstance(value, tuple | list) else (value,) * dims


class _MaxUnpool(Module):
    _dims = 0

    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        self.kernel_size = _each(kernel_size, self._dims)
        self.stride = _each(stride if stride is not None else kernel_size, self._dims)
        self.padding = _each(padding, self._dims)

    def forward(self, input, indices, output_size=None):
        return self._function(input, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _LPPool(Module):
    __constants__ = ["norm_type", "kernel_size", "stride", "ceil_mode"]

    def __init__(self, norm_type, kernel_size, stride=None, ceil_mode=False):
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input):
        return self._function(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self):
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride},"
            f" ceil_mode={self.ceil_mode}"
        )


def _layer(base, module, name, stem, dims):
    function = getattr(module, f"{stem}{dims}d")
    doc = f"{function.__doc__.splitlines()[0]} See :func:`{function.__name__}`."
    own = {"_function": staticmethod(function), "_dims": dims, "__doc__": doc, "__module__": __name__}
    return type(f"{name}{dims}d", (base,), own)


MaxUnpool1d, MaxUnpool2d, MaxUnpool3d = (_layer(_MaxUnpool, unpool, "MaxUnpool", "max_unpool", d) for d in (1, 2, 3))
LPPool1d, LPPool2d, LPPool3d = (_layer(_LPPool, pool, "LPPool", "lp_pool", d) for d in (1, 2, 3))


class _FractionalMaxPool(Module):
    __constants__ = ["kernel_size", "return_indices", "output_size", "output_ratio"]
    _dims = 0

    def __init__(self, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None):
        super().__init__()
        name, dims = type(self).__name__, self._dims
        if output_size is None and output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output size, or a pooling ratio")
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        self.kernel_size = _each(kernel_size, dims)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = _each(output_size, dims) if output_size is not None else None
        self.output_ratio = _each(output_ratio, dims) if output_ratio is not None else None
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def forward(self, input):
        return self._function(
            input, self.kernel_size, self.output_size, self.output_ratio, self.return_indices, self._random_samples
        )


FractionalMaxPool2d = _layer(_FractionalMaxPool, unpool, "FractionalMaxPool", "fractional_max_pool", 2)
FractionalMaxPool3d = _layer(_FractionalMaxPool, unpool, "FractionalMaxPool", "fractional_max_pool", 3)
