"""`torch.return_types`: the named tuples that `max(dim)`, `sort`, `topk`, `linalg.svd` and their like return.

A ReturnType is a tuple whose entries have names. It may hold anything (tensors, arrays, shapes), and JAX maps over it as
over a tuple. The classes are attributes of this module: `named_results.max`.
"""

from __future__ import annotations

import builtins
from operator import itemgetter

import jax

_MISSING = object()


class ReturnType(tuple):
    """A tuple of named entries, built from one sequence as PyTorch builds it: `max((values, indices))`."""

    __slots__ = ()
    __match_args__: tuple[str, ...] = ()

    def __new__(cls, sequence=_MISSING, dict=_MISSING):
        if sequence is _MISSING:
            raise TypeError("structseq() missing required argument 'sequence' (pos 1)")
        try:
            entries = tuple(sequence)
        except TypeError:
            raise TypeError("constructor requires a sequence") from None
        if dict is not _MISSING and not isinstance(dict, builtins.dict):
            raise TypeError(f"torch.return_types.{cls.__name__}() takes a dict as second arg, if any")
        if len(entries) != cls.n_fields:
            raise TypeError(
                f"torch.return_types.{cls.__name__}() takes a {cls.n_fields}-sequence ({len(entries)}-sequence given)"
            )
        return super().__new__(cls, entries)

    def __repr__(self):
        fields = zip(self.__match_args__, self, strict=True)
        text = ",\n".join(f"{name}={value!r}" for name, value in fields)
        return f"torch.return_types.{type(self).__name__}(\n{text})"

    def __getattr__(self, name):
        raise AttributeError(f"'torch.return_types.{type(self).__name__}' object has no attribute '{name}'")

    def __setattr__(self, name, value=None):
        if name in self.__match_args__:
            raise AttributeError("readonly attribute")
        self.__getattr__(name)

    __delattr__ = __setattr__

    def __reduce__(self):
        # By name: the class says that it is in `torch.return_types`, and PyTorch need not be installed.
        return rebuild_result, (type(self).__name__, tuple(self))


def rebuild_result(name: str, entries: tuple):
    """The named results that Python's pickle has stored."""
    return CLASSES[name](entries)


rebuild_result.__module__ = "jtorch._utils"  # the name in pickles


def _structseq(name: str, *fields: str) -> type[ReturnType]:
    members = {field: property(itemgetter(i)) for i, field in enumerate(fields)}
    facts = {"n_fields": len(fields), "n_sequence_fields": len(fields), "n_unnamed_fields": 0}
    body = {"__module__": "torch.return_types", "__slots__": (), "__match_args__": fields, "__doc__": None}
    cls = type(name, (ReturnType,), body | facts | members)
    jax.tree_util.register_pytree_node(cls, lambda t: (tuple(t), None), lambda _, entries: cls(entries))
    return cls


_FIELDS = {
    "aminmax": "min max",
    "cummax": "values indices",
    "cummin": "values indices",
    "frexp": "mantissa exponent",
    "geqrf": "a tau",
    "histogram": "hist bin_edges",
    "histogramdd": "hist bin_edges",
    "kthvalue": "values indices",
    "linalg_cholesky_ex": "L info",
    "linalg_eig": "eigenvalues eigenvectors",
    "linalg_eigh": "eigenvalues eigenvectors",
    "linalg_inv_ex": "inverse info",
    "linalg_ldl_factor": "LD pivots",
    "linalg_ldl_factor_ex": "LD pivots info",
    "linalg_lstsq": "solution residuals rank singular_values",
    "linalg_lu": "P L U",
    "linalg_lu_factor": "LU pivots",
    "linalg_lu_factor_ex": "LU pivots info",
    "linalg_qr": "Q R",
    "linalg_slogdet": "sign logabsdet",
    "linalg_solve_ex": "result info",
    "linalg_svd": "U S Vh",
    "lu_unpack": "P L U",
    "max": "values indices",
    "median": "values indices",
    "min": "values indices",
    "mode": "values indices",
    "nanmedian": "values indices",
    "qr": "Q R",
    "slogdet": "sign logabsdet",
    "sort": "values indices",
    "svd": "U S V",
    "topk": "values indices",
    "triangular_solve": "solution cloned_coefficient",
}
# With `out=` PyTorch returns a class of its own, `max_out`; histogramdd alone takes no `out=`.
CLASSES = {
    name: _structseq(name, *fields.split())
    for base, fields in _FIELDS.items()
    for name in ((base,) if base == "histogramdd" else (base, f"{base}_out"))
}


def __getattr__(name: str) -> type[ReturnType]:
    if name in CLASSES:
        return CLASSES[name]
    raise AttributeError(f"module 'torch.return_types' has no attribute '{name}'")
