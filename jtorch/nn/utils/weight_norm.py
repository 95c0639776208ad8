"""Weights as length times direction, computed before each forward pass."""

from __future__ import annotations

import warnings

import jax.numpy as jnp

from jtorch.core.op import Array, op
from jtorch.core.ops.matrix.norms import norm_except_dim
from jtorch.nn.parameter import Parameter, UninitializedParameter


def _weight_norm_node(types, consts):
    outer = consts["dim"] in (0, types[0].ndim - 1)
    return "WeightNormInterfaceBackward0" if outer else "MulBackward0"


@op(grad_fn=_weight_norm_node)
def _weight_norm(v: Array, g: Array, dim: int = 0) -> Array:
    """v with the lengths g along a dimension; dim -1: one length."""
    rest = tuple([d for d in range(v.ndim) if dim == -1 or d != dim % v.ndim])
    return v * (g / jnp.sqrt(jnp.sum(v * v, rest, keepdims=dim != -1)))


class WeightNorm:
    """The hook that puts name_g * name_v / ‖name_v‖ in the place of the weight."""

    def __init__(self, name, dim):
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module):
        g, v = getattr(module, self.name + "_g"), getattr(module, self.name + "_v")
        return _weight_norm(v, g, self.dim)

    @staticmethod
    def apply(module, name, dim):
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, WeightNorm) and hook.name == name:
                raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
        made = WeightNorm(name, dim)
        weight = getattr(module, name)
        if isinstance(weight, UninitializedParameter):
            raise ValueError(
                "The module passed to `WeightNorm` can't have uninitialized parameters. "
                "Make sure to run the dummy forward before applying weight normalization"
            )
        del module._parameters[name]
        module.register_parameter(name + "_g", Parameter(norm_except_dim(weight, 2, made.dim).data))
        module.register_parameter(name + "_v", Parameter(weight.data))
        setattr(module, name, made.compute_weight(module))
        module.register_forward_pre_hook(made)
        return made

    def remove(self, module):
        weight = self.compute_weight(module)
        delattr(module, self.name)
        del module._parameters[self.name + "_g"]
        del module._parameters[self.name + "_v"]
        setattr(module, self.name, Parameter(weight.data))

    def __call__(self, module, inputs):
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module, name="weight", dim=0):
    """Make a weight the product of name_g, its length, and the direction of name_v.

    Args:
        dim: the dimension along which each slice has its own length; None: one length.
    """
    warnings.warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module, name="weight"):
    """Make the weight one parameter again."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, WeightNorm) and hook.name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"weight_norm of '{name}' not found in {module}")


__all__ = ["WeightNorm", "remove_weight_norm", "weight_norm"]
