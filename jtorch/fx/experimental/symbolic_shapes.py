"""Questions about sizes that PyTorch's compiler may not know yet. Here each size is a number, so each answer is known."""

from __future__ import annotations

__all__ = [
    "free_symbols",
    "free_unbacked_symbols",
    "guard_bool",
    "guard_int",
    "guard_or_false",
    "guard_or_true",
    "guard_scalar",
    "guard_size_oblivious",
    "has_free_symbols",
    "has_free_unbacked_symbols",
    "is_concrete_bool",
    "is_concrete_int",
    "statically_known_false",
    "statically_known_true",
    "sym_eq",
]


def guard_bool(expr) -> bool:
    """The value of a condition on sizes.

    >>> guard_bool(3 > 2)
    True
    """
    return bool(expr)


guard_or_false = guard_or_true = guard_size_oblivious = statically_known_true = guard_bool


def statically_known_false(x) -> bool:
    """Whether a condition on sizes is false."""
    return not x


def guard_int(a) -> int:
    """The value of a size."""
    return int(a)


def guard_scalar(a):
    """The value of a size, a condition or a number: itself."""
    return a


def is_concrete_int(a) -> bool:
    """True: each size is a number."""
    return True


is_concrete_bool = is_concrete_int


def free_symbols(val) -> set:
    """The sizes in `val` that are not known yet: none."""
    return set()


free_unbacked_symbols = free_symbols


def has_free_symbols(val) -> bool:
    """False: each size is a number."""
    return False


has_free_unbacked_symbols = has_free_symbols


def sym_eq(x, y) -> bool:
    """Whether two sizes, or two sequences of sizes, are equal."""
    return x == y
