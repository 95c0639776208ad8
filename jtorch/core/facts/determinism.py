"""The settings of `torch.use_deterministic_algorithms` and `torch.utils.deterministic`."""

from __future__ import annotations

from jtorch.core.facts.dtypes import dtype
from jtorch.core.facts.limits import iinfo

settings = {"deterministic": False, "warn_only": False, "fill": True}


def unwritten(d: dtype) -> float | int | bool:
    """The value in new memory that nobody has written, as of `torch.empty`: 0.

    Under deterministic algorithms it is one that reveals a missing write: NaN, True or the largest integer.
    """
    if not (settings["deterministic"] and settings["fill"]):
        return 0
    if d.is_floating_point or d.is_complex:
        return float("nan")
    return True if d.name == "bool" else int(iinfo(d).max)
