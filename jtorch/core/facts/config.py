"""The few switches of jtorch, in one place; the only file that reads environment variables.

JTORCH_EAGER=1        compute each operation at once (to find an error's exact place)
JTORCH_CACHE=0        keep no compiled programs on disk
JTORCH_CACHE_DIR=...  where they are kept (default: the user's cache folder)
"""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent  # of jtorch's own code

eager: bool = os.environ.get("JTORCH_EAGER", "0") not in ("0", "")
disk_cache: bool = os.environ.get("JTORCH_CACHE", "1") not in ("0", "")
max_lines: int = 2000  # lines recorded since the last cut before a trace is run anyway
max_positions: int = 200_000  # places in the tree of traces before the least recently used branches go
max_programs: int = 4000  # compiled programs in memory, 1.5 MB each, before the older half goes
warn_after: int = 30  # whole programs compiled, with fewer than that many runs of a program that was there already
compiler_options: dict = {}  # XLA's, for programs compiled from now on: what jax.jit takes by this name; they win over jtorch's
patience: int = 50  # how often a trace without gradients comes before it is compiled whole
fresh_budget: int = 8  # whole programs compiled for new steps, none of which came back, before caution sets in


def cache_folder() -> Path:
    """Where compiled programs are kept between runs of a script."""
    named = os.environ.get("JTORCH_CACHE_DIR")
    if named:
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jtorch"


def xla_flags() -> str | None:
    """What XLA reads for itself, and a program depends on."""
    return os.environ.get("XLA_FLAGS")


def forced_weights_only() -> tuple[bool, bool]:
    """(force, forbid): what TORCH_FORCE_[NO_]WEIGHTS_ONLY_LOAD say now of `torch.load`'s default."""
    variables = "TORCH_FORCE_WEIGHTS_ONLY_LOAD", "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD"
    force, forbid = (os.environ.get(v, "0").lower() in ("1", "y", "yes", "true") for v in variables)
    return force, forbid
