"""The settings of `torch.use_deterministic_algorithms` and `torch.utils.deterministic`."""

from __future__ import annotations

from jtorch.core.facts.dtypes import dtype
from jtorch.core.facts.limits import iinfo

settings = {"deterministic": False, "warn_only": False, "fill": True}


def unwritten(d: dtype) -> float | int | bool:
    """What fills a new tensor such as that of `torch.empty`: 0. Under deterministic algorithms it is a number that is noticed
    where it was not overwritten: NaN, True or the largest integer.
    """
    if not (settings["deterministic"] and settings["fill"]):
        return 0
    if d.is_floating_point or d.is_complex:
        return float("nan")
    return True if d.name == "bool" else int(iinfo(d).max)
