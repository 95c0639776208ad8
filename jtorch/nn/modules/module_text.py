"""Parts of a module's text, and the names of types in its error messages."""

from __future__ import annotations

from jtorch.core.tensor import Tensor


def typename(obj) -> str:
    """A type as PyTorch writes it in messages: `torch.FloatTensor` for a tensor, else `module.Name`."""
    if isinstance(obj, Tensor):
        return obj.type()
    named = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(named, "__module__", None)
    return named.__qualname__ if module in (None, "builtins") else f"{module}.{named.__qualname__}"


def indented(text) -> str:
    """The text with every line after the first two spaces further in; blank lines stay empty."""
    first, *rest = text.split("\n")
    return "\n".join([first, *(f"  {line}" if line.strip() else "" for line in rest)])
