"""`@op`: one pure function on jax arrays becomes everything PyTorch has of it.

The free function, the Tensor method, the in-place form through any view, `out=`, type promotion, shapes before
computing, the gradient, the node's name and the identity in the trace all follow from the signature and a few
options. The wrapper is written as source once per op, because binding arguments generically at every call would
cost more than recording the line.
"""

from __future__ import annotations

import inspect
import warnings

import jax
import jax.numpy as jnp
import numpy as np

from jtorch import dtypes, geometry
from jtorch.engine import NUMBER, Call, Value, number
from jtorch.storage import ViewCall
from jtorch.tensor import Tensor, apply, cast, wrap

Array = jax.Array
Number = float

OPS: dict[str, object] = {}  # name -> the public function of every op

_KINDS = {"Array": "tensor", "Array | None": "maybe", "list[Array]": "list", "Array | Number": "either",
          "Array | Number | None": "either", "Number": "number"}  # fmt: skip


def op(fn=None, **options):
    """Make an op of a pure function; see `Op` for the options.

    >>> from jtorch.op import op, Array
    >>> @op(method=False)
    ... def twice(input: Array, times: int = 1) -> Array:
    ...     return input * 2**times
    >>> twice(torch.tensor([1., 2.]), times=2)
    tensor([4., 8.])
    """
    if fn is None:
        return lambda fn: Op(fn, **options).public
    return Op(fn).public


def public(fn=None, *, inplace=False, method=True, name=None):
    """Make a plain function public as `op` does: for a name that chooses among several ops by its arguments."""
    if fn is None:
        return lambda fn: public(fn, inplace=inplace, method=method, name=name)
    fn.public, fn.name = fn, name or fn.__name__.rstrip("_")
    OPS[fn.name] = fn
    if method:
        setattr(Tensor, fn.name, fn)
    if inplace:
        setattr(Tensor, fn.name + "_", _inplace(fn))
    return fn


class Op:
    """What is known of one op.

    Args:
        fn: the pure function. Annotations say how an argument travels: `Array` a tensor, `Array | None` maybe one,
            `list[Array]` several, `Array | Number` a tensor or a number that is a value, `Number` a number that is
            a value, anything else a constant.
        inplace: also make `name_`, which writes the result into its first argument.
        method: attach it to Tensor.
        promote: True: convert tensors and numbers to their common type first; "float": and integers to the
            default float type; a tuple of names: these parameters only.
        grad_fn: the node's name, or a function (types, consts) -> name.
        saves: what PyTorch saves for backward, see `engine.Call`; None: "result" for one input, else "inputs".
        strides: "elementwise", None (contiguous) or a function (types, shapes, consts) -> list.
        view: geometry function (shape, strides, offset, *numbers, **consts) -> the same: the op is a view.
        write: how a view is written, see `storage.ViewCall`; `retype` the dtype rule of a view that reinterprets.
        returns: a class of named results to wrap several outputs in.
        name: the public name, where the function's own must differ.
        widen: compute half types in float32 (with promote).
        check: function (args by name) called before recording, with Tensors, to raise errors that need more
            than types.
    """

    def __init__(self, fn, *, inplace=False, method=True, promote=False, grad_fn=None, saves="inputs", strides=None,
                 view=None, write=None, retype=None, returns=None, name=None, check=None, widen=True, place=False):  # fmt: skip
        self.fn = fn
        self.name = name or fn.__name__.rstrip("_")
        self.promote = promote
        self.named = grad_fn
        self.saves = saves
        self.strides = "elementwise" if strides is None and promote else strides
        self.view = view
        self.writer = write
        self.retype = retype
        self.returns = returns
        self.check = check
        self.widen = widen
        self.params = [
            (p.name, _KINDS.get(str(p.annotation).strip("'"), "const"), p) for p in inspect.signature(fn).parameters.values()
        ]
        self.consts = [n for n, kind, _ in self.params if kind == "const"]
        self.calls = {}
        self.public = _public(self)
        private = fn.__name__.startswith("_")  # one of several ops behind a public name
        OPS["_" * private + self.name] = self.public
        if method:
            setattr(Tensor, self.name, self.public)
        if inplace:
            setattr(Tensor, self.name + "_", _inplace(self))

    def call(self, consts, structure) -> Call:
        """The interned call for these constants and this arrangement of tensors."""
        key = (consts, structure)
        found = self.calls.get(key)
        if found is None:
            found = self.calls[key] = self._make(dict(zip(self.consts, consts, strict=True)), structure)
        return found

    def bound(self, *consts, structure=None):
        """The call for constants as the user wrote them: lists become tuples, and 1, 1.0 and True differ."""
        frozen = tuple([_frozen(c) for c in consts])
        key = (tuple([(c, c.__class__) for c in frozen]), structure)
        found = self.calls.get(key)
        if found is None:
            found = self.calls[key] = self._make(dict(zip(self.consts, frozen, strict=True)), structure)
        return found

    def _make(self, consts, structure):
        if self.view is not None:
            named = self.named(consts) if callable(self.named) else self.named or _camel(self.name) + "Backward0"
            numbers = tuple([n for n, kind, _ in self.params if kind == "number"])
            return ViewCall(self.fn, consts, self.name, self.view, self.writer, named, numbers, self.retype)
        return OpCall(self, consts, structure)

    def arrange(self, args, consts):
        """Tensors, lists and numbers by parameter -> (call, flat inputs). `args` holds every non-constant argument."""
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
        return self.bound(*consts, structure=tuple(structure)), tuple(flat)

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
    if isinstance(c, Tensor):
        return c.item()
    if isinstance(c, np.generic):
        return c.item()
    return c


def _camel(name):
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


class OpCall(Call):
    """A call of an op: binds the flat inputs to its parameters, promoting them where the op says so."""

    __slots__ = ("op", "structure")

    def __init__(self, op, consts, structure):
        strides = op.strides
        if callable(strides):
            rule = lambda types, shapes: strides(types, shapes, consts)
        else:
            rule = _elementwise if strides == "elementwise" else None
        super().__init__(op.fn, consts, op.name, rule, op.saves)
        self.op = op
        self.structure = structure

    def pullback(self, types, needs, given):
        if self.grad_fn(types) == "NotImplemented":
            raise RuntimeError(f"derivative for aten::{self.name} is not implemented")
        return super().pullback(types, needs, given)

    def grad_fn(self, types):
        named = self.op.named
        if callable(named):
            return named(types, self.consts)
        return named or _camel(self.op.name) + "Backward0"

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
            out = fn(**_named(names, structure, arrays), **consts)
            return out if back is None else jax.tree.map(back, out)

        return bound

    def _promotion(self, types):
        """A function converting arrays of these types to their common type, and how to convert the results."""
        op, structure = self.op, self.structure
        roles = _roles(op, structure, len(types))
        joined = [t for t, role in zip(types, roles, strict=True) if role]
        target = promoted(joined, op.promote == "float")
        low = (op.widen and target in (dtypes.float16, dtypes.bfloat16)) or target is dtypes.complex32
        work = (dtypes.complex64 if target.is_complex else dtypes.float32).np if low else target.np
        if op.strides == "elementwise":
            _check_broadcast([t for t in joined if not t.number])

        def convert(arrays):
            made = [_to(a, work) if role else a for a, role in zip(arrays, roles, strict=True)]
            return made, _lowered(target.np) if low else None

        return convert


def _lowered(np_type):
    def lowered(out):
        if np_type is None and out.dtype == jnp.complex64:
            raise NotImplementedError("a result of dtype torch.complex32, which neither NumPy nor XLA has")
        return out.astype(np_type) if out.dtype == jnp.float32 else out

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
    numbers = [dtypes.default_of(t.dtype.category) for t in types if t.number]
    d = dtypes.result_type_of(dims, zeros, numbers)
    if to_float and d.category < dtypes.FLOAT:
        return dtypes.get_default_dtype()
    return d


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


def _named(names, structure, arrays):
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
        shape = broadcast_shapes(shape, t.shape)


def broadcast_shapes(a, b):
    """The common shape of two. Raises PyTorch's RuntimeError where there is none."""
    if a == b:
        return a
    short = len(a) - len(b)
    out = []
    for i in range(max(len(a), len(b))):
        m = a[i] if short >= 0 else (a[i + short] if i + short >= 0 else 1)
        n = b[i] if short <= 0 else (b[i - short] if i - short >= 0 else 1)
        if m != n and m != 1 and n != 1:
            raise RuntimeError(
                f"The size of tensor a ({m}) must match the size of tensor b ({n}) at non-singleton dimension {i}"
            )
        out.append(n if m == 1 else m)
    return tuple(out)


def _elementwise(types, shapes):
    operands = [(t.shape, t.strides) for t in types if not t.number]
    first = operands[0]
    if all(o == first for o in operands) and geometry.is_contiguous(*first):
        return [None] * len(shapes)
    return [geometry.elementwise_strides(s, operands) for s in shapes]


def as_number(op, name, value) -> Value:
    """A Python number (or a NumPy one) as a value. Raises PyTorch's TypeError for anything else."""
    if value.__class__ in NUMBER:
        if value.__class__ is int and not -(2**63) <= value < 2**63:
            raise RuntimeError("value cannot be converted to type int64_t without overflow")
        return number(value)
    if isinstance(value, np.generic):
        return as_number(op, name, value.item())
    for kind in (bool, int, float, complex):
        if isinstance(value, kind):
            return as_number(op, name, kind(value))
    raise TypeError(f"{op}(): argument '{name}' must be Tensor, not {type(value).__name__}")


def _tensor(op, name, value):
    if isinstance(value, Tensor):
        return value
    if isinstance(value, jax.Array):
        from jtorch.convert import from_jax

        return from_jax(value)
    raise TypeError(_not_tensor(op, name, value))


def _not_tensor(op, name, value):
    return f"{op}(): argument '{name}' (position 1) must be Tensor, not {type(value).__name__}"


def _public(op):
    """The function users call, from source written for this op's signature."""
    source, env = _source(op)
    exec(compile(source, f"<op {op.name}>", "exec"), env)
    made = env["wrapper"]
    made.__name__ = made.__qualname__ = op.name
    made.__doc__ = op.fn.__doc__
    made.__module__ = "jtorch"
    made.op = op
    made.__signature__ = _signature(op)
    return made


def _signature(op):
    own = inspect.signature(op.fn)
    params = [
        p.replace(annotation=p.annotation.replace("Array", "Tensor") if isinstance(p.annotation, str) else p.annotation)
        for p in own.parameters.values()
    ]
    if op.view is None:
        params.append(inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None))
    return own.replace(parameters=params)


def _source(op):
    """Source of the wrapper: the common arrangement unrolled, every other one through `Op.run`."""
    env = {"Tensor": Tensor, "op": op, "apply": apply, "plain": op.fn, "store": store, "number": number, "NUMBER": NUMBER,
           "bound": op.bound, "cache": {}, "returns": op.returns, "check": op.check, "anyarray": _any_array}  # fmt: skip
    signature, seen_kw = [], False
    aliased = _aliased(op)
    for name, _kind, p in op.params:
        if p.kind is p.KEYWORD_ONLY and not seen_kw:
            signature.append("*")
            seen_kw = True
        if p.default is p.empty and name == "dim" and aliased:
            env["MISSING"] = MISSING
            signature.append("dim=MISSING")
        elif p.default is p.empty:
            signature.append(name)
        else:
            env["default_" + name] = p.default
            signature.append(f"{name}=default_{name}")
    out = op.view is None
    if out:
        signature += ["out=None"] if seen_kw else ["*", "out=None"]
    values = [(n, kind) for n, kind, _ in op.params if kind != "const"]
    every = ", ".join(f"{n}={n}" for n, _, _ in op.params)
    args = "(" + "".join(n + ", " for n, _ in values) + ")"
    consts = "(" + "".join(n + ", " for n in op.consts) + ")"
    keyed = "(" + "".join(f"{n}, {n}.__class__, " for n in op.consts) + ")"
    if aliased:
        signature.append("**named")
    lines = [f"def wrapper({', '.join(signature)}):"]
    if aliased:
        env["renamed"] = _renamed
        given = ", ".join(f"{n!r}: {n}" for n in [*[n for n, _, _ in op.params], *(["out"] if out else [])])
        lines.append(f"    if named: return wrapper(**renamed({op.name!r}, {{{given}}}, named))")
    if "MISSING" in env:
        lines.append(f"    if dim is MISSING: renamed({op.name!r}, {{'dim': MISSING}}, {{}})")
    first = values[0][0] if values else None
    simple = values and all(kind != "list" for _, kind in values) and values[0][1] != "maybe"
    check = [f"check({every})"] if op.check else []
    finish = ["return store(out, result, op) if out is not None else result"] if out else ["return result"]
    if op.returns is not None:
        finish = ["result = returns(result)"] + finish
    if simple:
        tensors = [n for n, kind in values if kind == "tensor"] or [first]
        conditions = [f"isinstance({n}, Tensor)" for n in tensors]
        optional = {n for n, _, p in op.params if p.default is not p.empty}
        conditions += [f"{n} is default_{n}" for n, kind in values if kind == "number" and n in optional]
        body = []
        fixed = {n: "tensor" if k == "tensor" else "default" if n in optional else "number" for n, k in values}
        structure = "(" + "".join(f"{n}_s, " if k in ("either", "maybe") else f"{fixed[n]!r}, " for n, k in values) + ")"
        flat = []
        for n, kind in values:
            if kind == "maybe":
                body += [f"if {n} is None: {n}_s = None; {n}_v = ()",
                         f"elif isinstance({n}, Tensor): {n}_s = 'tensor'; {n}_v = ({n},)",
                         f"else: return finish_slow({args}, {consts}{', out' if out else ', None'})"]  # fmt: skip
                flat.append(f"*{n}_v")
                continue
            if kind == "either":
                body += [f"if isinstance({n}, Tensor): {n}_v = {n}; {n}_s = 'tensor'",
                         f"elif {n}.__class__ in NUMBER: {n}_v = number({n}); {n}_s = 'number'",
                         f"else: return finish_slow({args}, {consts}{', out' if out else ', None'})"]  # fmt: skip
                flat.append(n + "_v")
            elif kind == "tensor":
                flat.append(n)
            elif n not in optional:
                body += [f"if {n}.__class__ not in NUMBER: return finish_slow({args}, {consts}{', out' if out else ', None'})"]
                flat.append(f"number({n})")
        eithers = [f"{n}_s" for n, k in values if k in ("either", "maybe")]
        extra = "(" + ", ".join([*eithers, ""]) + ")" if eithers else ""
        key = keyed if not extra else (f"({keyed}, {', '.join(eithers)})" if op.consts else extra)
        if op.consts or eithers:
            body += ["try:", f"    call = cache[{key}]", "except (KeyError, TypeError):",
                     f"    call = bound({', '.join([*op.consts, 'structure=' + structure])})",
                     f"    try: cache[{key}] = call", "    except TypeError: pass"]  # fmt: skip
        else:
            env["state"] = state = []
            env["only"] = lambda: state.append(op.bound(structure=tuple(fixed.values()))) or state[0]
            body += ["call = state[0] if state else only()"]
        if op.view is not None:
            body += [f"result = {flat[0]}._make_view(call, ({''.join(f + ', ' for f in flat[1:])}))"]
        else:
            body += [f"result = apply(call, ({', '.join(flat)},))"]
        lines.append(f"    if {' and '.join(conditions)}:")
        lines += ["        " + line for line in check + body + finish]
    env["finish_slow"] = _slow(op)
    lines.append(f"    if anyarray({args}): return plain({every})")
    lines += ["    " + line for line in check]
    lines.append(f"    return finish_slow({args}, {consts}{', out' if out else ', None'})")
    return "\n".join(lines), env


MISSING = object()
_NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim"}  # PyTorch takes NumPy's names too


def _aliased(op):
    """Whether the op's `dim` may also be called axis: where nothing without a default comes after it."""
    names = [n for n, _, _ in op.params]
    if "dim" not in names:
        return False
    return all(p.default is not p.empty for _, _, p in op.params[names.index("dim") + 1 :])


def _renamed(name, given, named):
    """The arguments with NumPy's names turned into PyTorch's."""
    for key, value in named.items():
        if _NUMPY_NAMES.get(key) not in given:
            raise TypeError(f"{name}() got an unexpected keyword argument '{key}'")
        given[_NUMPY_NAMES[key]] = value
    if given.get("dim") is MISSING:
        raise TypeError(f'{name}() missing 1 required positional arguments: "dim"')
    return given


def _slow(op):
    def finish(args, consts, out):
        result = op.run(args, consts)
        if op.returns is not None:
            result = op.returns(result)
        return store(out, result, op) if out is not None else result

    return finish


def _any_array(args):
    """Whether a plain function of arrays is wanted: arrays among the arguments and no Tensor."""
    found = False
    for a in args:
        for x in a if isinstance(a, list | tuple) else (a,):
            if isinstance(x, Tensor):
                return False
            found = found or isinstance(x, jax.Array)
    return found


def _inplace(op):
    """`name_`: the op's result written into the tensor it was called on."""
    public = op.public

    def inplace(self, *args, **kwargs):
        self._writable()
        return write_result(self, public(self, *args, **kwargs))

    inplace.__name__ = inplace.__qualname__ = op.name + "_"
    inplace.__doc__ = f"In-place version of :func:`{op.name}`: writes the result into this tensor and returns it."
    inplace.__module__ = "jtorch"
    return inplace


def write_result(tensor, result):
    """Store a result in a tensor, through the view if it is one: PyTorch's rules for shape and dtype. Returns it."""
    mine, theirs = tensor._type, result._type
    if theirs.shape != mine.shape:
        raise RuntimeError(
            f"output with shape {list(mine.shape)} doesn't match the broadcast shape {list(theirs.shape)}"
        )
    if theirs.dtype is not mine.dtype:
        if not dtypes.can_cast(theirs.dtype, mine.dtype):
            raise RuntimeError(
                f"result type {theirs.dtype.scalar_name} can't be cast to the desired output type"
                f" {mine.dtype.scalar_name}"
            )
        result = cast(result, mine.dtype)
    value, edge = result._read()
    tensor._assign(value, edge)
    return tensor


def store(out, result, op):
    """`out=`: the result written into `out`, which takes its shape."""
    if isinstance(result, tuple):
        for o, r in zip(out, result, strict=True):
            store(o, r, op)
        return type(result)(out) if type(result) is not tuple else tuple(out)
    if not isinstance(out, Tensor):
        raise TypeError(f"{op.name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if result.requires_grad or (out.requires_grad and out.is_leaf):
        raise RuntimeError(
            f"{op.name}(): functions with out=... arguments don't support automatic differentiation, "
            "but one of the arguments requires grad."
        )
    if not dtypes.can_cast(result.dtype, out.dtype):
        raise RuntimeError(
            f"result type {result.dtype.scalar_name} can't be cast to the desired output type {out.dtype.scalar_name}"
        )
    if out.shape != result.shape:
        if out.numel():
            warnings.warn(
                f"An output with one or more elements was resized since it had shape {list(out.shape)}, which does not "
                f"match the required output shape {list(result.shape)}. This behavior is deprecated, and in a future "
                "PyTorch release outputs will not be resized unless they have zero elements. You can explicitly reuse "
                "an out tensor t by resizing it, inplace, to zero elements with t.resize_(0).",
                stacklevel=3,
            )
        fresh = wrap(cast(result, out.dtype)._value)
        out._storage.__class__ = fresh._storage.__class__
        out._storage.value = fresh._storage.value
        out._storage.version += 1
        out._storage.writes += 1
        out._view = None
        return out
    return write_result(out, result)
