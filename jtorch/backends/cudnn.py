"""`torch.backends.cudnn`: whether convolutions of a GPU use TF32. XLA chooses its own kernels; the other
switches keep their values and have no effect."""

import contextlib
import sys
import types

from jtorch.core import engine
from jtorch.cuda import is_available as _gpu

enabled = True
benchmark = False
deterministic = False
benchmark_limit = 10


def is_available() -> bool:
    """Whether there is a GPU."""
    return _gpu()


def version():
    """None: XLA's own copy is used."""
    return None


@contextlib.contextmanager
def flags(enabled=False, benchmark=False, benchmark_limit=10, deterministic=False, allow_tf32=True):
    """Set the switches inside a `with` block."""
    wanted = {"enabled": enabled, "benchmark": benchmark, "benchmark_limit": benchmark_limit,
              "deterministic": deterministic, "allow_tf32": allow_tf32}  # fmt: skip
    before = {name: getattr(_module, name) for name in wanted}
    _set_switches(wanted)
    try:
        yield
    finally:
        _set_switches(before)


def _set_switches(switches):
    for name, on in switches.items():
        setattr(_module, name, on)


class _CudnnModule(types.ModuleType):
    """The class of this module: setting `allow_tf32` takes effect, so it must be a property."""

    @property
    def allow_tf32(self):
        return engine.precision["convolution"] != "highest"

    @allow_tf32.setter
    def allow_tf32(self, on):
        engine.set_precision("convolution", "default" if on else "highest")


_module = sys.modules[__name__]
_module.__class__ = _CudnnModule
