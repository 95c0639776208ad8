"""`zeros`, `rand` and the other functions that make DTensors, and `distribute_module`."""

from __future__ import annotations

from jtorch.core.grad import no_grad
from jtorch.core.ops.make import create
from jtorch.distributed.tensor._api import DTensor, distribute_tensor, made_of, mesh_or_current
from jtorch.distributed.tensor._layout import local_shape, normalized
from jtorch.distributed.tensor.placement_types import Partial, Replicate
from jtorch.nn.modules.module import Module
from jtorch.nn.parameter import Parameter


def _shape_given(size):
    return tuple(size[0]) if len(size) == 1 and isinstance(size[0], tuple | list) else tuple(size)


def _maker(name, make):
    def maker(*size, dtype=None, layout=None, requires_grad=False, device_mesh=None, placements=None):
        shape, mesh = _shape_given(size), mesh_or_current(device_mesh)
        placements = normalized(placements, len(shape), mesh)
        if any(isinstance(p, Partial) for p in placements):
            raise NotImplementedError(f"{name}: Partial")
        local = make(local_shape(mesh, shape, placements), dtype=dtype, device=mesh.device_type)
        return made_of(local.requires_grad_(requires_grad), mesh, placements, shape)

    maker.__name__ = maker.__qualname__ = name
    maker.__doc__ = f"`torch.{name}` as a DTensor. Each process makes its part."
    return maker


zeros, ones, empty = (_maker(name, getattr(create, name)) for name in ("zeros", "ones", "empty"))


def full(size, fill_value, *, dtype=None, layout=None, requires_grad=False, device_mesh=None, placements=None):
    """`torch.full` as a DTensor. Each process makes its part."""
    make = _maker("full", lambda shape, **options: create.full(shape, fill_value, **options))
    return make(size, dtype=dtype, requires_grad=requires_grad, device_mesh=device_mesh, placements=placements)


def _random_maker(name, draw):
    def maker(*size, dtype=None, layout=None, requires_grad=False, device_mesh=None, placements=None):
        made = empty(*size, dtype=dtype, device_mesh=device_mesh, placements=placements)
        with no_grad():
            draw(made)
        return made.requires_grad_(requires_grad)

    maker.__name__ = maker.__qualname__ = name
    maker.__doc__ = f"`torch.{name}` as a DTensor: the numbers that one process with this seed would draw."
    return maker


rand, randn = _random_maker("rand", lambda t: t.uniform_()), _random_maker("randn", lambda t: t.normal_())


def distribute_module(module: Module, device_mesh=None, partition_fn=None, input_fn=None, output_fn=None):
    """Turn the parameters and buffers of a module into DTensors, in place.

    Args:
        partition_fn: function (name, submodule, mesh) that places the parameters of one; what it leaves is replicated.
        input_fn, output_fn: functions (module, inputs or outputs, mesh), called before and after `forward`.
    """
    mesh = mesh_or_current(device_mesh)
    for name, part in module.named_modules():
        if partition_fn is not None:
            partition_fn(name, part, mesh)
        _replicate(part, mesh)
    if input_fn is not None:
        module.register_forward_pre_hook(lambda m, inputs: input_fn(m, inputs, mesh))
    if output_fn is not None:
        module.register_forward_hook(lambda m, inputs, outputs: output_fn(m, outputs, mesh))
    return module


def _replicate(part, mesh):
    everywhere = [Replicate()] * mesh.ndim
    for name, p in part._parameters.items():
        if p is not None and not isinstance(p, DTensor):
            part.register_parameter(name, Parameter(distribute_tensor(p.detach(), mesh, everywhere), p.requires_grad))
    for name, b in part._buffers.items():
        if b is not None and not isinstance(b, DTensor):
            part._buffers[name] = distribute_tensor(b.detach(), mesh, everywhere)
