"""XLA's options: how much to optimize. The user's `config.compiler_options` override them.

The figures are of `python -m bench.levels`.
"""

from __future__ import annotations

from jtorch.core.facts import config

# LLVM's -O2. At XLA's own -O3 it unrolls twice as much: it makes 2,000 lines of a row of 32 elements, and takes 0.5 s for
# relu(x + bias) and its gradient where 0.16 will do. What -O3 makes was 3 % faster in the mean of 41 forms in one run, and
# no faster in another.
_ON_THE_HOST = {"xla_backend_optimization_level": 2}

# Without optimizing, a line of few elements compiles in a third of the time (jaxlib 0.12 knows only the first of these
# options; its gain was not measured). It runs up to 20 us longer, which would matter only after some thousand runs, and traces
# that come back fifty times are compiled whole: `--lines`.
_QUICK = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}
FEW = 4096  # elements that such a line may read and write in all


def ordinary(on_host) -> dict:
    """XLA's options for a program of the host or of an accelerator."""
    return (_ON_THE_HOST if on_host else {}) | config.compiler_options


def quick() -> dict:
    """XLA's options for a line of the host with few elements."""
    return _QUICK | config.compiler_options


def forgotten(error) -> bool:
    """Whether XLA raised this error because it does not know one of the quick options. That option is not used again."""
    unknown = [option for option in _QUICK if f"'{option}'" in str(error)]
    for option in unknown:
        del _QUICK[option]
    return bool(unknown)
