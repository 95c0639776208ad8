"""`parallelize_module`: cut submodules as a plan says."""

from __future__ import annotations

import warnings
from fnmatch import fnmatch

from jtorch.distributed.tensor._api import mesh_or_current
from jtorch.distributed.tensor.parallel.style import ParallelStyle

__all__ = ["parallelize_module"]


def parallelize_module(module, device_mesh=None, parallelize_plan=None, *, src_data_rank=0):
    """Cut the parameters of submodules over the processes, in place.

    Args:
        module: the module; every process has the same one.
        device_mesh: of one dimension.
        parallelize_plan: a `ParallelStyle` for the module, or {name of a submodule: style}; names may hold `*` and `?`.
        src_data_rank: 0: take the parameters of the first process; None: each process takes its own.

    Returns:
        the module.

    Raises:
        ValueError: the mesh has more than one dimension.
        TypeError: the plan is neither a style nor a dict of them.
    """
    mesh = mesh_or_current(device_mesh)
    if mesh.ndim != 1:
        raise ValueError(f"Tensor Parallel only accepts a 1D DeviceMesh, but found {mesh.ndim}D!")
    if parallelize_plan is None:
        warnings.warn("No parallelize_plan is provided and auto-parallel is not supported at the moment, so this "
                      "parallelize_module call will do nothing.", stacklevel=2)  # fmt: skip
        return module
    if isinstance(parallelize_plan, ParallelStyle):
        parallelize_plan.src_data_rank = src_data_rank
        return parallelize_plan._apply(module, mesh)
    if not isinstance(parallelize_plan, dict):
        raise TypeError(
            f"Expect Union[ParallelStyle, Dict[str, ParallelStyle]] for parallelize_plan, {type(parallelize_plan)} found!"
        )
    for path, style in parallelize_plan.items():
        found = [module] if not path else _at(module, path.split("."))
        if not found:
            warnings.warn(f"Parallelize plan key '{path}' could not be resolved: no submodule matching it was found in the module.",
                          stacklevel=2)  # fmt: skip
        for part in found:
            parallelize_module(part, mesh, style, src_data_rank=src_data_rank)
    return module


def _at(module, words):
    """The submodules at a path, each word of which may be a pattern."""
    found = [module]
    for word in words:
        found = [child for m in found for name, child in m.named_children() if fnmatch(name, word)]
    return found
