"""`@op`: makes all forms that PyTorch has of an op from one pure function on JAX arrays.

The function, the Tensor method, the in-place form, `out=`, type promotion, the shape before computing, the gradient, the name of
the node and the identity in the trace follow from the signature and a few options. `jtorch.core.op.wrapper` generates the
function that users call.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np

from jtorch.core.engine import NUMBER, Call, Value, node_name, number, type_of
from jtorch.core.facts import CPU, dtypes
from jtorch.core.facts import strides as geometry
from jtorch.core.op.handlers import NUMBER_FOR_TENSOR, handlers
from jtorch.core.op.plain import with_torch_errors
from jtorch.core.op.wrapper import wrapper_of
from jtorch.core.tensor import Tensor, ViewCall, apply, tensor_from_jax

Array = jax.Array
Number = float

OPS: dict[str, object] = {}  # name -> the public function of every op
DECLARED: list[Op] = []  # every op, also those behind a public name

# What may stand for a parameter: "maybe" a tensor or None, "either" a tensor or a number. Anything else is a constant.
_KINDS = {"Array": "tensor", "Array | None": "maybe", "list[Array]": "list", "Array | Number": "either",
          "Array | Number | None": "either", "Number": "number"}  # fmt: skip


def _argument_kind(annotation):
    """The kind of an argument with this annotation. Annotations are texts if a file postpones them."""
    text = "Array" if annotation is jax.Array else str(annotation).strip("'")
    return _KINDS.get(text.replace("jax.", ""), "const")


def op(fn=None, **options):
    """Make an op of a pure function; see `Op` for the options.

    >>> from jtorch.library import Array, op
    >>> @op(method=False)
    ... def twice(input: Array, times: int = 1) -> Array:
    ...     return input * 2**times
    >>> twice(torch.tensor([1., 2.]), times=2)
    tensor([4., 8.])
    """
    if fn is None:
        return lambda fn: Op(fn, **options).public
    return Op(fn, **options).public


def public(fn=None, **options):
    """Make a plain function public as `op` does: for a name that chooses among several ops by its arguments."""
    if fn is None:
        return lambda fn: Public(fn, **options).publish()
    return Public(fn, **options).publish()


@dataclass(eq=False, repr=False)
class Public:
    """A public function and its options: see `Op`."""

    fn: Callable
    _: KW_ONLY
    name: str | None = None
    aliases: tuple = ()
    method: bool = True
    deprecated: tuple | None = None
    inplace: bool | str = False
    inplace_grad_fn: str | None = None
    check_inplace: Callable | None = None
    overlap: str | tuple = "same"
    numbers: str = "operand"
    keeps_zero: bool = False

    def __post_init__(self):
        self.name = self.name or self.fn.__name__.rstrip("_")
        self.public = self.fn

    def publish(self):
        """Publish it under its names: the function, the method, the in-place form. Returns the function."""
        for name in (self.name, *self.aliases):
            if self.method:
                setattr(Tensor, name, with_torch_errors(self.public, name, "methods"))
            if self.inplace:
                setattr(Tensor, name + "_", handlers.inplace(self, name + "_"))
            if self.numbers == "tensor":
                NUMBER_FOR_TENSOR.update((name, name + "_"))
        made = OPS[self.name] = with_torch_errors(self.public, self.name)
        made.declared = self
        return made


@dataclass(eq=False, repr=False)
class Op(Public):
    """An op and its options.

    The function and its names:
        fn: the pure function. Annotations say what an argument is: `Array` a tensor, `Array | None` a tensor or None,
            `list[Array]` several tensors, `Number` a Python number that is a value, `Array | Number` one or the other,
            anything else a constant.
        name: the name in traces, node names and errors, where the function's own must differ.
        behind: the public function that chooses this op. The op is then not public itself; nor is an op whose function's
            name begins with an underscore. The arguments of such an op are not checked as PyTorch's parser checks them.
        aliases: other names that Tensor has for the method and its in-place form.
        method: attach it to Tensor.
        returns: a class of named results to wrap several outputs in.
        deprecated: (the parameters of an older overload that PyTorch still accepts with a warning, those of the overload that
            the warning recommends).
        check: function (args by name) called before each recording, with Tensors, to raise errors that need more
            than types.
        check_types: function (*types of the inputs) called once for each new combination, to raise errors that the
            pure function cannot, because its inputs are already promoted.

    Writing:
        inplace: also make the method `name_`, which writes the result into its first argument. "twice": that argument may
            show a cell more than once, as an expanded tensor does; PyTorch only warns.
        inplace_grad_fn: the node's name in place, where it differs.
        check_inplace: function (tensor, *args, **kwargs) called before a write in place, to raise errors that only it has.
        overlap: what memory an operand may share with the tensor that is written to, in place or by `out=`: "same", all
            or nothing of it; "none"; "any", since PyTorch reads the operands first. A tuple of names: "same" for these
            parameters, which come first, "any" for the others.

    Types and strides:
        promote: True: convert tensors and numbers to their common type first; "float": also convert integers to the
            default float type; a tuple of names: these parameters only.
        widen: compute half types in float32 (with promote).
        numbers: what PyTorch makes of a number in place of a tensor: "operand", a 0-dim operand of the loop; "parameter", a
            parameter of the loop, which does not affect the strides; "tensor", a tensor, made before PyTorch chooses an
            overload, so that the number has an entry in the node's `next_functions`.
        strides: "elementwise", None (contiguous) or a function (types, shapes, consts) -> list.
        autocast: what `torch.autocast` does: "low", "float32", "widest" or "banned" (see `jtorch.amp.autocast_mode`); a
            dict by device type where it differs.
        keeps_zero: the op maps 0 to 0. For a sparse tensor it is then computed on the stored values only.

    The gradient:
        grad_fn: the node's name, or a function (types, consts) -> name.
        saves: what PyTorch saves for backward, see `Call` in `jtorch/core/engine/calls.py`.
        by_result: function (grad, result, **consts) -> the gradient, for an op that saves its result. It is called if the
            result was overwritten through `.data`, which autograd does not see.
        keeps: {number of an input: function (shape) -> the shape of the view that PyTorch saves of it}.
        chooses: the results are elements of the inputs, so that the gradient does not depend on their values.
        graph: {node's name: the nodes that PyTorch has for it}, see `jtorch.core.tensor.graph_view`.
        undifferentiated: parameters without an entry in `next_functions`, in addition to the usual ones (`index`, `mask`, ...).

    Views:
        view: geometry function (shape, strides, offset, *numbers, **consts) -> the same: the op is a view.
        write: function (base, new, *numbers, **consts) -> the base with the cells of the view replaced by `new`; None: they
            are found by reading the base's positions through the view. See `ViewCall` in `jtorch/core/tensor/views.py`.
        retype: for a view as another dtype: function (dtype of the base, **consts) -> dtype of the view.
    """

    behind: str | None = None
    returns: type | None = None
    check: Callable | None = None
    check_types: Callable | None = None
    promote: bool | str | tuple = False
    widen: bool = True
    strides: str | Callable | None = None
    autocast: str | dict | None = None
    grad_fn: str | Callable | None = None
    saves: object = "inputs"
    by_result: Callable | None = None
    keeps: dict = field(default_factory=dict)
    chooses: bool = False
    graph: dict = field(default_factory=dict)
    undifferentiated: tuple = ()
    view: Callable | None = None
    write: Callable | None = None
    retype: Callable | None = None

    def __post_init__(self):
        super().__post_init__()
        if self.strides is None and self.promote:
            self.strides = "elementwise"
        self.hidden = self.behind is not None or self.fn.__name__.startswith("_")
        self.params = [
            (p.name, _argument_kind(p.annotation), p) for p in inspect.signature(self.fn).parameters.values()
        ]
        self.consts = [n for n, kind, _ in self.params if kind == "const"]
        self.calls = {}
        self.public = wrapper_of(self)
        DECLARED.append(self)
        if not self.hidden:
            self.publish()

    def described(self):
        """Everything that its calls' results depend on: see `jtorch.core.engine.fingerprint`."""
        return self.fn, self.promote, self.widen

    def call_for(self, *consts, structure=None) -> Call:
        """The interned call for constants as the user wrote them: lists become tuples, and 1, 1.0 and True differ.

        `structure` says what was given for each other argument: see `arrange`; None: a tensor for each.
        """
        frozen = tuple([_frozen(c) for c in consts])
        key = (tuple([(c, c.__class__) for c in frozen]), structure)
        found = self.calls.get(key)
        if found is None:
            found = self.calls[key] = self._make(dict(zip(self.consts, frozen, strict=True)), structure)
        return found

    def _make(self, consts, structure):
        if self.view is not None:
            named = self.grad_fn(consts) if callable(self.grad_fn) else self.grad_fn or node_name(self.name)
            numbers = tuple([n for n, kind, _ in self.params if kind == "number"])
            return ViewCall(self.fn, consts, self.name, self.view, self.write, named, numbers, self.retype)
        return OpCall(self, consts, structure)

    def arrange(self, args, consts):
        """Tensors, lists and numbers by parameter -> (call, flat inputs). `args` holds every non-constant argument.

        The call's `structure` has an entry for each: "tensor", "number", "default" (of a number), None, or the length of a list.
        """
        flat, structure = [], []
        for (name, kind, p), value in zip([p for p in self.params if p[1] != "const"], args, strict=True):
            if kind == "list":
                items = [_tensor(self.name, name, v) for v in value]
                flat += items
                structure.append(len(items))
            elif value is None:
                structure.append(None)
            elif kind == "number" or (kind == "either" and not isinstance(value, Tensor)):
                if kind == "number" and value is p.default:
                    structure.append("default")
                    continue
                flat.append(as_number(self.name, name, value))
                structure.append("number")
            else:
                flat.append(_tensor(self.name, name, value))
                structure.append("tensor")
        return self.call_for(*consts, structure=tuple(structure)), tuple(flat)

    def run(self, args, consts):
        """Record the op for arguments in any arrangement."""
        call, flat = self.arrange(args, consts)
        if not any(isinstance(t, Tensor) for t in flat):
            raise TypeError(_not_tensor(self.name, self.params[0][0], args[0] if args else None))
        if self.view is not None:
            return flat[0]._make_view(call, flat[1:])
        return apply(call, flat)


def _frozen(c):
    if isinstance(c, list | tuple):
        return tuple([_frozen(i) for i in c])
    if isinstance(c, Tensor | np.generic):
        return c.item()
    return c


class OpCall(Call):
    """A call of an op: binds the flat inputs to its parameters, promoting them where the op says so."""

    __slots__ = ("op", "structure")

    def __init__(self, op, consts, structure):
        strides = op.strides
        if callable(strides):
            rule = lambda types, shapes: strides(types, shapes, consts)
        elif strides == "elementwise":
            rule = (
                _with_number if op.numbers != "parameter" and _is_number_given(op, structure) else _elementwise_strides
            )
            if op.promote:
                rule = _of_converted(rule, op, structure)
        else:
            rule = None
        super().__init__(op.fn, consts, op.name, rule, op.saves)
        self.op = op
        self.structure = structure

    @property
    def chooses(self):
        return self.op.chooses

    def parameter(self, i):
        names = []
        values = [(name, kind) for name, kind, _ in self.op.params if kind != "const"]
        for (name, kind), given in zip(values, self.structure or ["tensor"] * len(values), strict=True):
            names += [name] * (given if kind == "list" else given not in (None, "default"))
        return "self" if names[i] == "input" else names[i]

    def saved_shape(self, i, shape):
        kept = self.op.keeps.get(i)
        return kept(shape) if kept else shape

    def pullback(self, types, needs, given):
        if self.grad_fn(types) == "NotImplemented":
            raise RuntimeError(f"derivative for aten::{self.name} is not implemented")
        return super().pullback(types, needs, given)

    def _infer(self, types):
        if self.op.check_types is not None:
            self.op.check_types(*types)
        return super()._infer(types)

    def grad_fn(self, types):
        named = self.op.grad_fn
        if callable(named):
            return named(types, self.consts)
        return named or node_name(self.op.name)

    @property
    def by_result(self):
        """The call that takes this one's place in a node whose saved result was written to unseen; None: there is none."""
        return None if self.op.by_result is None else _by_result(self.op.by_result, tuple(self.consts.items()))

    def bind(self, types):
        op, consts, structure = self.op, self.consts, self.structure
        names = [(n, kind) for n, kind, _ in op.params if kind != "const"]
        fn = op.fn
        convert = self._promotion(types) if op.promote else None
        lists = any(kind in ("list", "maybe", "number") for _, kind in names) or len(names) != len(types)
        if not lists and not convert:
            order = [n for n, _ in names]
            if not consts and order == [n for n, _, _ in op.params]:
                return fn
            return lambda *arrays: fn(**dict(zip(order, arrays, strict=True)), **consts)

        def bound(*arrays):
            arrays, back = convert(arrays) if convert else (arrays, None)
            out = fn(**_by_name(names, structure, arrays), **consts)
            return out if back is None else jax.tree.map(back, out)

        return bound

    def _promotion(self, types):
        """A function converting arrays of these types to their common type, and how to convert the results."""
        op, structure = self.op, self.structure
        roles = _roles(op, structure, len(types))
        joined = [t for t, role in zip(types, roles, strict=True) if role]
        target = promoted(joined, op.promote == "float")
        low = (op.widen and target.is_half) or target is dtypes.complex32
        work = (dtypes.complex64 if target.is_complex else dtypes.float32).np if low else target.np
        if op.strides == "elementwise":
            _check_broadcast([t for t in joined if not t.number])

        def convert(arrays):
            made = [_to(a, work) if role else a for a, role in zip(arrays, roles, strict=True)]
            return made, _back_to_half(target) if low else None

        return convert


class ResultCall(Call):
    """The call of a node that has only a result, from which its gradient is computed."""

    __slots__ = ()
    once = True

    def pulled(self, types, needs, given):
        return self


@cache
def _by_result(formula, consts):
    return ResultCall(lambda result, grad: formula(grad, result, **dict(consts)), name="by_result", saves=())


def _back_to_half(target):
    def lowered(out):
        return out.astype(target.np) if out.dtype == (jnp.complex64 if target.is_complex else jnp.float32) else out

    return lowered


def _to(a, np_type):
    if a.dtype == np_type:
        return a
    if np_type == np.bool_:
        return a != 0
    return a.astype(np_type)


def promoted(types, to_float=False) -> dtypes.dtype:
    """PyTorch's common type of operands: with dimensions, 0-dim, Python numbers."""
    dims = [t.dtype for t in types if t.ndim]
    zeros = [t.dtype for t in types if not t.ndim and not t.number]
    numbers = [t.dtype if t.dtype is dtypes.uint64 else dtypes.default_of(t.dtype.category) for t in types if t.number]
    d = dtypes.result_type_of(dims, zeros, numbers)
    return dtypes.get_default_dtype() if to_float and d.category < dtypes.FLOAT else d


def _roles(op, structure, n):
    """Which of the flat inputs take part in the promotion (`Number` parameters do not)."""
    if structure is None:
        return [True] * n
    roles = []
    for (name, kind, _), given in zip([p for p in op.params if p[1] != "const"], structure, strict=True):
        takes_part = kind != "number" and (op.promote in (True, "float") or name in op.promote)
        if kind == "list":
            roles += [takes_part] * given
        elif given is not None and given != "default":
            roles.append(takes_part)
    return roles


def _by_name(names, structure, arrays):
    """Flat arrays by parameter name."""
    if structure is None:
        return dict(zip([n for n, _ in names], arrays, strict=True))
    rest = iter(arrays)
    named = {}
    for (name, kind), given in zip(names, structure, strict=True):
        if kind == "list":
            named[name] = [next(rest) for _ in range(given)]
        elif given is None:
            named[name] = None
        elif given != "default":
            named[name] = next(rest)
    return named


def _check_broadcast(types):
    shape = ()
    for t in types:
        shape = common_shape(shape, t.shape)


def common_shape(a, b):
    """The shape that two shapes broadcast to. Raises PyTorch's RuntimeError, which names the last dimension that does not fit."""
    if a == b:
        return a
    ndim = max(len(a), len(b))
    a, b = (1,) * (ndim - len(a)) + tuple(a), (1,) * (ndim - len(b)) + tuple(b)
    for i in range(ndim - 1, -1, -1):
        if a[i] != b[i] and a[i] != 1 and b[i] != 1:
            raise RuntimeError(
                f"The size of tensor a ({a[i]}) must match the size of tensor b ({b[i]}) at non-singleton dimension {i}"
            )
    return tuple([n if m == 1 else m for m, n in zip(a, b, strict=True)])


def _elementwise_strides(types, shapes):
    operands = [(t.shape, t.strides) for t in types if not t.number]
    first = operands[0]
    if all(o == first for o in operands) and geometry.is_contiguous(*first):
        return [None] * len(shapes)
    common = ()
    for shape, _ in operands:
        common = common_shape(common, shape)
    return [geometry.elementwise_strides(s, operands) if tuple(s) == common else None for s in shapes]


def _of_converted(rule, op, structure):
    """A stride rule on converted operands: on the CPU PyTorch converts them to their common type before it decides the strides."""

    def converted(types, shapes):
        roles = _roles(op, structure, len(types))
        common = promoted([t for t, role in zip(types, roles, strict=True) if role], op.promote == "float")
        return rule([_converted(t, common) if role else t for t, role in zip(types, roles, strict=True)], shapes)

    return converted


def _converted(t, common):
    if t.number or t.dtype is common or t.place is not CPU:
        return t
    return type_of(t.shape, common, t.place, geometry.like_strides(t.shape, t.strides))


def _is_number_given(op, structure):
    """Whether a number stands where a tensor could: PyTorch's loop then has a 0-dim operand."""
    kinds = [kind for _, kind, _ in op.params if kind != "const"]
    return structure is not None and ("either", "number") in zip(kinds, structure, strict=True)


def _with_number(types, shapes):
    """The strides of an elementwise result where one operand is a number, which has no dimensions."""
    operands = [((), ()) if t.number else (t.shape, t.strides) for t in types]
    return [geometry.elementwise_strides(s, operands) for s in shapes]


def as_number(op, name, value) -> Value:
    """A Python number (or a NumPy one, or a tensor without dimensions) as a value. Raises PyTorch's TypeError for anything else."""
    if value.__class__ in NUMBER:
        return number(value)
    if isinstance(value, np.generic) or (isinstance(value, Tensor) and not value.ndim and not value.requires_grad):
        return as_number(op, name, value.item())
    for kind in (bool, int, float, complex):
        if isinstance(value, kind):
            return as_number(op, name, kind(value))
    raise TypeError(f"{op}(): argument '{name}' must be Tensor, not {type(value).__name__}")


def _tensor(op, name, value):
    if isinstance(value, Tensor):
        return value
    if isinstance(value, jax.Array):
        return tensor_from_jax(value)
    raise TypeError(_not_tensor(op, name, value))


def _not_tensor(op, name, value):
    return f"{op}(): argument '{name}' (position 1) must be Tensor, not {type(value).__name__}"
