"""`torch.backends.cudnn`: XLA chooses its own kernels; the switches are kept and read back."""

import contextlib

from jtorch.cuda import is_available as _gpu

enabled = True
benchmark = False
deterministic = False
allow_tf32 = True
benchmark_limit = 10


def is_available() -> bool:
    """Whether there is a GPU."""
    return _gpu()


def version():
    """None: XLA's own copy is used."""
    return None


@contextlib.contextmanager
def flags(enabled=False, benchmark=False, benchmark_limit=10, deterministic=False, allow_tf32=True):
    """Other switches inside a `with` block."""
    names = globals()
    wanted = {"enabled": enabled, "benchmark": benchmark, "benchmark_limit": benchmark_limit,
              "deterministic": deterministic, "allow_tf32": allow_tf32}  # fmt: skip
    before = {name: names[name] for name in wanted}
    names.update(wanted)
    try:
        yield
    finally:
        names.update(before)
