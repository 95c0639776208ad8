"""What `torch.use_deterministic_algorithms` and `torch.utils.deterministic` were given."""

from __future__ import annotations

from jtorch.core.facts.dtypes import dtype
from jtorch.core.facts.limits import iinfo

settings = {"deterministic": False, "warn_only": False, "fill": True}


def unwritten(d: dtype) -> float | int | bool:
    """What the elements of a new tensor are that nobody has written: 0, or what is noticed, if all is to be deterministic."""
    if not (settings["deterministic"] and settings["fill"]):
        return 0
    if d.is_floating_point or d.is_complex:
        return float("nan")
    return True if d.name == "bool" else int(iinfo(d).max)
