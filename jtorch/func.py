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
from jtorch.nn.modules.batchnorm import _BatchNorm

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


def replace_all_batch_norm_modules_(root):
    """Let the BatchNorm layers of a module keep no running statistics: `vmap` cannot write them in place. Returns the module.

    >>> model = torch.func.replace_all_batch_norm_modules_(torch.nn.Sequential(torch.nn.BatchNorm1d(2)))
    >>> print(model[0].running_mean)
    None
    """
    for module in root.modules():
        if isinstance(module, _BatchNorm):
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root
