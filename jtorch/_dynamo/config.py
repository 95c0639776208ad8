"""`torch._dynamo.config`: the switches of PyTorch's compiler, with PyTorch's defaults. They have no effect here."""

import contextlib
import sys

cache_size_limit = recompile_limit = 8
accumulated_cache_size_limit = accumulated_recompile_limit = 256
assume_static_by_default = automatic_dynamic_shapes = True
allow_unspec_int_on_nn_module = False
capture_dynamic_output_shape_ops = capture_scalar_outputs = False
compiled_autograd = False
error_on_recompile = fail_on_recompile_limit_hit = False
guard_nn_modules = inline_inbuilt_nn_modules = True
optimize_ddp = True
specialize_float = specialize_int = False
suppress_errors = False
verbose = False


@contextlib.contextmanager
def patch(changes=None, /, **named):
    """Set switches inside a block, or around a function: `patch("verbose", True)`, `patch({...})`, `patch(verbose=True)`."""
    module = sys.modules[__name__]
    changes = {**(changes or {}), **named}
    before = {name: getattr(module, name) for name in changes}
    vars(module).update(changes)
    try:
        yield
    finally:
        vars(module).update(before)
