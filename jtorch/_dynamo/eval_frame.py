"""The module that `torch.compile` makes of a module in PyTorch; here it returns the module itself."""

from __future__ import annotations

from jtorch.core.methods import compile, disable, set_stance
from jtorch.nn.modules.module import Module

__all__ = ["OptimizedModule", "disable", "export", "is_dynamo_supported", "optimize", "set_stance"]


class OptimizedModule(Module):
    """A compiled module. There are none: `torch.compile` returns the module itself, so its names have no `_orig_mod.`."""

    def __init__(self, mod, dynamo_ctx=None):
        super().__init__()
        self._orig_mod = mod

    def forward(self, *args, **kwargs):
        return self._orig_mod(*args, **kwargs)


def optimize(backend="inductor", *, nopython=False, dynamic=None, **options):
    """A decorator that returns the function itself: everything is compiled already."""
    return lambda fn: compile(fn, fullgraph=nopython, dynamic=dynamic)


def is_dynamo_supported() -> bool:
    """False: XLA compiles here."""
    return False


def refuse_to_explain(f, *extra_args, **extra_kwargs):
    """Raises NotImplementedError: `jtorch.compiler.explain()` says what was compiled and why."""
    raise NotImplementedError("torch._dynamo.explain: jtorch.compiler.explain() says what was compiled and why")


def export(f, *extra_args, **extra_kwargs):
    """Raises NotImplementedError: there is no graph of PyTorch's compiler."""
    raise NotImplementedError(
        "torch._dynamo.export: jtorch has no graph of PyTorch's compiler; `jax.export` exports programs"
    )
