"""`torch._tensor_str`: the text of tensors, in the parts that libraries build the text of their own tensors from."""

from __future__ import annotations

import numpy as np

from jtorch.core.tensor import Tensor, printing

get_printoptions, set_printoptions = printing.get_printoptions, printing.set_printoptions
printoptions = printing.printoptions

__all__ = ["get_printoptions", "printoptions", "set_printoptions"]


class __PrinterOptions:
    """The options in force, as attributes: `precision`, `threshold`, `edgeitems`, `linewidth`, `sci_mode`."""

    def __getattr__(self, name):
        try:
            return printing.get_printoptions()[name]
        except KeyError:
            raise AttributeError(f"'__PrinterOptions' object has no attribute '{name}'") from None


PRINT_OPTS = __PrinterOptions()


def _tensor_str(self: Tensor, indent: int) -> str:
    """The values of a tensor, as they stand between the parentheses of its text.

    >>> _tensor_str(torch.ones(2), 0)
    '[1., 1.]'
    """
    array = np.asarray(self.detach().resolve_conj().cpu().numpy())
    return printing.body_text(array, array.shape, indent) if array.size else "[]"


def _add_suffixes(tensor_str: str, suffixes: list[str], indent: int, force_newline: bool) -> str:
    """Append what comes after the values, on lines of its own where it is too long."""
    return printing.with_suffixes(tensor_str, suffixes, indent, force_newline) + ")"


def _str_intern(inp: Tensor, *, tensor_contents: str | None = None) -> str:
    """The text of a tensor; `tensor_contents` stands for its values."""
    return Tensor.__repr__(inp, tensor_contents=tensor_contents)


_str = _str_intern
