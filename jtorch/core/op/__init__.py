"""`@op`: makes an operation of PyTorch's from one pure function on JAX arrays.

Knows an op by its signature and options, and no op by name."""

from jtorch.core.op import inplace  # registers functions with `handlers`
from jtorch.core.op.argument_checks import (
    autocast_by,
    cast_first,
    data_check,
    data_checks,
    is_integer,
    kernel,
    letter,
    needs_data,
    undifferentiable,
)
from jtorch.core.op.declared import (
    ELSEWHERE,
    FUNCTIONAL,
    FUNCTIONS,
    constant_in,
    function,
    functional,
    of_functional,
    of_torch,
    public_in,
    with_out,
)
from jtorch.core.op.op import Array, Number, OPS, as_number, common_shape, op, promoted, public
from jtorch.core.op.out import store
from jtorch.core.op.plain import explain_methods, with_torch_errors
from jtorch.core.op.refusal import failed  # registers functions with `handlers`
from jtorch.core.op.torch_function import overridable_on_failure
from jtorch.core.op.wrapper import operator

__all__ = [
    "ELSEWHERE",
    "FUNCTIONAL",
    "FUNCTIONS",
    "OPS",
    "Array",
    "Number",
    "as_number",
    "autocast_by",
    "cast_first",
    "common_shape",
    "constant_in",
    "data_check",
    "data_checks",
    "explain_methods",
    "function",
    "functional",
    "is_integer",
    "kernel",
    "letter",
    "needs_data",
    "of_functional",
    "of_torch",
    "op",
    "operator",
    "overridable_on_failure",
    "promoted",
    "public",
    "public_in",
    "store",
    "undifferentiable",
    "with_out",
    "with_torch_errors",
]
