"""The switches of jtorch. No other file reads environment variables.

JTORCH_EAGER=1        compute each op when it is called (to find the line that raises an error)
JTORCH_CACHE=0        do not keep compiled programs on disk
JTORCH_CACHE_DIR=...  the folder to keep them in (default: the user's cache folder)
JTORCH_CACHE_SIZE=4G  how much of the disk they may take (in bytes, or with K, M or G); the least recently used go first
"""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent  # the folder of jtorch's own code

eager: bool = os.environ.get("JTORCH_EAGER", "0") not in ("0", "")
disk_cache: bool = os.environ.get("JTORCH_CACHE", "1") not in ("0", "")
cache_size: str = os.environ.get("JTORCH_CACHE_SIZE", "4G")
max_lines: int = 10_000  # a trace with this many lines since the last cut runs
max_positions: int = 200_000  # with more nodes in the tree of traces, the least recently used branches are dropped
max_programs: int = 4000  # with more compiled programs in memory (1.5 MB each), the older half is dropped
warn_after: int = 30  # warn after this many compiles, if fewer runs than that found their program compiled
compiler_options: dict = {}  # for programs compiled from now on: `compiler_options` of jax.jit; they override jtorch's
numpy_lines: bool = True  # lines of few elements, and lines that seldom come, run in NumPy


def cache_folder() -> Path:
    """The folder that keeps compiled programs between runs of a script."""
    named = os.environ.get("JTORCH_CACHE_DIR")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jtorch"


def hub_folder() -> Path:
    """PyTorch's folder for what `torch.hub` downloads: the variables are PyTorch's, and the files are shared with it."""
    caches = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    return Path(os.environ.get("TORCH_HOME", caches / "torch")).expanduser() / "hub"


def xla_flags() -> str | None:
    """The options that XLA reads from the environment; compiled programs depend on them."""
    return os.environ.get("XLA_FLAGS")


def forced_weights_only() -> tuple[bool, bool]:
    """(force, forbid): whether the environment sets or forbids `weights_only=True` in `torch.load`."""
    variables = "TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
    force, forbid = (os.environ.get(v, "0").lower() in ("1", "y", "yes", "true") for v in variables)
    return force, forbid


def variable(name: str) -> str | None:
    """An environment variable of PyTorch's by which a launcher tells a process its place: RANK, MASTER_ADDR, ..."""
    return os.environ.get(name)


def environment_with(more: dict[str, str]) -> dict[str, str]:
    """This process's environment and some variables more, for a process that it starts."""
    return {**os.environ, **more}


def nvidia_devices() -> list[Path]:
    """The GPUs that Linux shows, without starting anything."""
    return [path for path in Path("/dev").glob("nvidia[0-9]*") if path.name[6:].isdigit()]
