"""`fully_shard`: each process keeps a part of a module's parameters."""

from __future__ import annotations

import functools
from collections.abc import Callable

from jtorch.core.facts import KINDS
from jtorch.core.tensor import Tensor
from jtorch.distributed._c10d.process_groups import get_world_size
from jtorch.distributed.device_mesh import init_device_mesh
from jtorch.distributed.fsdp._parameters import DataMesh, ParameterGroup, Sharded
from jtorch.distributed.fsdp.api import CPUOffloadPolicy, MixedPrecisionPolicy, OffloadPolicy
from jtorch.nn.modules.container import ModuleDict, ModuleList
from jtorch.nn.modules.module import Module
from jtorch.nn.parameter import is_lazy

_groups: dict = {}  # class of a module -> its subclass that is an FSDPModule too


def fully_shard(
    module,
    *,
    mesh=None,
    reshard_after_forward: bool | int | None = None,
    shard_placement_fn: Callable | None = None,
    mp_policy: MixedPrecisionPolicy | None = None,
    offload_policy: OffloadPolicy | None = None,
    ignored_params=None,
    dp_mesh_dims=None,
):
    """Cut the parameters of a module over the processes, in place. Gradients and the optimizer's state are cut with them.

    The parameters become DTensors. The forward pass of the module gathers them, and its backward pass leaves each process its
    part of the mean of the gradients. Submodules that are sharded already keep their parameters: shard the layers first, then
    the model. Make the optimizer afterwards.

    Args:
        module: a module, or a list of them.
        mesh: of one dimension, or two: copies along the first, parts along the second. Default: all processes.
        reshard_after_forward: False: keep the gathered parameters until the backward pass; True: gather them again. Default:
            True, except for the outermost module.
        shard_placement_fn: function (parameter) -> `Shard(dim)` or None, which is `Shard(0)`.
        mp_policy: the dtypes of the forward pass and of the exchanged gradients.
        ignored_params: parameters that stay as they are.

    Returns:
        the module, whose class is now a subclass of `FSDPModule` too.

    Raises:
        ValueError: a container without `forward`, a parameter without dimensions, or a mesh of more than two dimensions.
        NotImplementedError: offloading to the CPU from another device, `reshard_after_forward` as a number, `dp_mesh_dims`.

    Differs from torch: parameters are cut everywhere outside of `forward`. XLA decides when each is gathered.
    """
    if isinstance(module, list | tuple):
        options = {
            "mesh": mesh, "reshard_after_forward": reshard_after_forward, "shard_placement_fn": shard_placement_fn,
            "mp_policy": mp_policy, "offload_policy": offload_policy, "ignored_params": ignored_params,
            "dp_mesh_dims": dp_mesh_dims,
        }  # fmt: skip
        for one in module:
            fully_shard(one, **options)
        return module
    _check_module(module, reshard_after_forward, dp_mesh_dims)
    mp_policy = MixedPrecisionPolicy() if mp_policy is None else mp_policy
    ignored = {id(p) for p in ignored_params or ()}
    owners = owners_of(module, ignored)
    if mesh is None:
        kind = next((whole.device.type for whole, _ in owners if not whole.is_meta), "cpu")
        mesh = init_device_mesh(kind, (get_world_size(),))
    if isinstance(offload_policy, CPUOffloadPolicy) and not KINDS[mesh.device_type].host:
        raise NotImplementedError("fully_shard: CPUOffloadPolicy with parameters on an accelerator")
    data = DataMesh(mesh)
    sharded = [Sharded(own, whole, data, _dim_of(shard_placement_fn, whole)) for whole, own in owners]
    for other in module.modules():
        if isinstance(other, FSDPModule) and other._fsdp_group_of.regathers is None:
            other._fsdp_group_of.regathers = True
    group = ParameterGroup(sharded, data, mp_policy.param_dtype, mp_policy.reduce_dtype, reshard_after_forward)
    gather_around(module, group, mp_policy)
    cls = type(module)
    if cls not in _groups:
        _groups[cls] = type("FSDP" + cls.__name__, (FSDPModule, cls), {"__module__": FSDPModule.__module__})
    module.__class__ = _groups[cls]
    return module


def _check_module(module, reshard_after_forward, dp_mesh_dims):
    if isinstance(module, ModuleList | ModuleDict) and type(module).forward is Module.forward:
        raise ValueError(f"fully_shard does not support containers that do not implement forward: {module}")
    if isinstance(module, FSDPModule):
        raise AssertionError("Each distinct module can have fully_shard applied at most once")
    if dp_mesh_dims is not None:
        raise NotImplementedError("fully_shard: dp_mesh_dims; slice the mesh by its names")
    if isinstance(reshard_after_forward, int) and not isinstance(reshard_after_forward, bool):
        raise NotImplementedError("fully_shard: reshard_after_forward as a number of processes")


def owners_of(module, ignored):
    """[(parameter, [(module, name), ...])] for the parameters of a module that are not sharded yet."""
    found = {}
    inside = {id(m) for other in module.modules() if other is not module and is_managed(other) for m in other.modules()}
    for part in module.modules():
        if id(part) in inside:
            continue
        for name, p in part._parameters.items():
            if p is None or id(p) in ignored:
                continue
            if is_lazy(p):
                raise ValueError(f"fully_shard: {name} has no shape yet; run a forward pass first")
            found.setdefault(id(p), (p, []))[1].append((part, name))
    return list(found.values())


def is_managed(module) -> bool:
    """Whether a module was sharded."""
    return "_fsdp_group_of" in module.__dict__


def _dim_of(place, whole):
    found = None if place is None else place(whole)
    if found is None:
        return 0
    if not hasattr(found, "dim"):
        raise NotImplementedError(f"shard_placement_fn: {found!r}; give Shard(dim)")
    return found.dim % whole.ndim


def gather_around(module, group, mp_policy, cast_root=None):
    """Gather the parameters before `forward`, and put the parts back after it."""
    module.__dict__["_fsdp_group_of"] = group

    def before(module, args, kwargs):
        if mp_policy.param_dtype is not None and mp_policy.cast_forward_inputs:
            args, kwargs = cast_floats(args, mp_policy.param_dtype), cast_floats(kwargs, mp_policy.param_dtype)
        group.unshard()
        return args, kwargs

    def after(module, args, result):
        group.reshard()
        return result if mp_policy.output_dtype is None else cast_floats(result, mp_policy.output_dtype)

    module.register_forward_pre_hook(before, prepend=True, with_kwargs=True)
    module.register_forward_hook(after, always_call=True)


def cast_floats(value, dtype):
    """A value with its floating point tensors cast to a dtype."""
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if isinstance(value, dict):
        return {k: cast_floats(v, dtype) for k, v in value.items()}
    if isinstance(value, list | tuple):
        parts = [cast_floats(v, dtype) for v in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return value


class UnshardHandle:
    """What `FSDPModule.unshard(async_op=True)` returns."""

    def wait(self) -> None:
        """Has no effect: gathered parameters are computed when they are used."""


class FSDPModule:
    """What `fully_shard` makes of a module's class."""

    def __new__(cls, *args, **kwargs):
        """An ordinary module: `type(module)(...)` makes one that is not sharded."""
        original = cls.__mro__[2]
        return original(*args, **kwargs)

    def _fsdp_groups(self, recurse):
        return [m._fsdp_group_of for m in (self.modules() if recurse else [self]) if is_managed(m)]

    def unshard(self, async_op: bool = False) -> UnshardHandle | None:
        """Let this module have whole parameters until `reshard` is called."""
        self._fsdp_group_of.unshard()
        return UnshardHandle() if async_op else None

    def reshard(self) -> None:
        """Let this module have its parts of the parameters again."""
        self._fsdp_group_of.reshard()

    def set_requires_gradient_sync(self, requires_gradient_sync: bool, *, recurse: bool = True) -> None:
        """Choose whether backward passes exchange gradients. While they do not, each process adds up whole gradients."""
        for group in self._fsdp_groups(recurse):
            group.syncs = requires_gradient_sync

    def set_is_last_backward(self, is_last_backward: bool) -> None:
        """Has no effect: nothing waits for the last backward pass."""

    def set_reshard_after_forward(self, reshard_after_forward: bool, recurse: bool = True) -> None:
        """Choose whether the backward pass gathers the parameters again."""
        for group in self._fsdp_groups(recurse):
            group.regathers = reshard_after_forward

    def set_reshard_after_backward(self, reshard_after_backward: bool, *, recurse: bool = True) -> None:
        """Has no effect: nothing is kept after a backward pass."""

    def set_modules_to_forward_prefetch(self, modules) -> None:
        """Has no effect: XLA orders what is gathered."""

    def set_modules_to_backward_prefetch(self, modules) -> None:
        """Has no effect: XLA orders what is gathered."""

    def set_unshard_in_backward(self, unshard_in_backward: bool) -> None:
        """Has no effect: a backward pass gathers what it needs."""

    def set_post_optim_event(self, event) -> None:
        """Has no effect: lines run in the order in which they were recorded."""

    def set_gradient_divide_factor(self, factor: float) -> None:
        """What the sums of gradients are divided by, in place of the number of processes."""
        self._fsdp_group_of.divide_by = factor

    set_reduce_scatter_divide_factor = set_gradient_divide_factor

    def set_requires_all_reduce(self, requires_all_reduce: bool, *, recurse: bool = True) -> None:
        """Raises NotImplementedError if the copies are not to be reduced."""
        if not requires_all_reduce:
            raise NotImplementedError(
                "FSDPModule.set_requires_all_reduce(False): use set_requires_gradient_sync(False)"
            )


def register_fsdp_forward_method(module, method_name: str) -> None:
    """Let another method of a sharded module gather its parameters, as `forward` does."""
    if not isinstance(module, FSDPModule):
        return
    method = getattr(module, method_name)

    @functools.wraps(method)
    def gathering(*args, **kwargs):
        module.unshard()
        try:
            return method(*args, **kwargs)
        finally:
            module.reshard()

    setattr(module, method_name, gathering)
