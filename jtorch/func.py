"""`torch.func`: transformations of functions, and the way from and to JAX's own.

A function written with jtorch may also go through `jax.jit`, `jax.grad` and `jax.vmap`: Tensor and Module are pytrees.
"""

from jtorch.core.methods import (
    debug_unwrap,
    from_jax,
    functional_call,
    functionalize,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    rearrange,
    stack_module_state,
    to_jax,
    vjp,
    vmap,
)
from jtorch.core.methods import (
    func_grad as grad,
)
from jtorch.nn.modules.batchnorm import replace_all_batch_norm_modules_

__all__ = [
    "debug_unwrap",
    "from_jax",
    "functional_call",
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "rearrange",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "to_jax",
    "vjp",
    "vmap",
]
