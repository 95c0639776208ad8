"""The function that users call for an op, written as source for its signature.

Binding arguments generically at every call would cost more than recording the line, so the usual arrangement (tensors
where tensors go, numbers left at their defaults) is unrolled into a few tests and one look-up of the interned call;
every other arrangement goes through `Op.run`. This file knows an op by its parameters only.
"""

from __future__ import annotations

import inspect
import sys

import jax

from jtorch.calls import NUMBER
from jtorch.dispatch import PLAIN, hand_over, wanted
from jtorch.engine import number
from jtorch.results import store
from jtorch.tensor import Tensor, apply


def wrapper_of(op):
    """The public function of an op: records when it is given tensors, computes when it is given arrays."""
    source, names = _Source(op).write()
    exec(compile(source, f"<op {op.name}>", "exec"), names)
    made = names["wrapper"]
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


class _Source:
    """The source of one wrapper, and the names it uses."""

    def __init__(self, op):
        self.op = op
        self.out = op.view is None  # a view has no out=
        self.values = [(n, kind) for n, kind, _ in op.params if kind != "const"]
        self.optional = {n for n, _, p in op.params if p.default is not p.empty}
        self.aliased = _aliased(op)
        self.names = {
            "PLAIN": PLAIN, "op": op, "apply": apply, "plain": op.fn, "store": store, "number": number,
            "NUMBER": NUMBER, "bound": op.bound, "cache": {}, "returns": op.returns, "check": op.check,
            "any_array": _any_array, "slow": _slow(op), "renamed": _renamed, "MISSING": MISSING,
        }  # fmt: skip
        args = "(" + "".join(n + ", " for n, _ in self.values) + ")"
        consts = "(" + "".join(n + ", " for n in op.consts) + ")"
        self.args = args
        self.every = ", ".join(f"{n}={n}" for n, _, _ in op.params)
        self.give_up = f"return slow({args}, {consts}, {'out' if self.out else 'None'})"
        self.check = [f"check({self.every})"] if op.check else []
        self.finish = ["result = returns(result)"] if op.returns is not None else []
        self.finish += [f"return store(out, result, op, {args}) if out is not None else result" if self.out else "return result"]

    def write(self):
        """(source, names)."""
        lines = [f"def wrapper({', '.join(self._parameters())}):", *self._renaming()]
        if self.values and all(kind != "list" for _, kind in self.values) and self.values[0][1] != "maybe":
            lines += self._fast()
        lines.append(f"    if any_array({self.args}): return plain({self.every})")
        lines += ["    " + line for line in [*self.check, self.give_up]]
        return "\n".join(lines), self.names

    def _parameters(self):
        signature = []
        for name, _kind, p in self.op.params:
            if p.kind is p.KEYWORD_ONLY and "*" not in signature:
                signature.append("*")
            if p.default is not p.empty:
                self.names["default_" + name] = p.default
                signature.append(f"{name}=default_{name}")
            else:
                signature.append("dim=MISSING" if name == "dim" and self.aliased else name)
        if self.out:
            signature += ["out=None"] if "*" in signature else ["*", "out=None"]
        return [*signature, "**named"] if self.aliased else signature

    def _renaming(self):
        """NumPy's names of parameters, where the op takes them."""
        if not self.aliased:
            return []
        own = [n for n, _, _ in self.op.params] + ["out"] * self.out
        given = ", ".join(f"{n!r}: {n}" for n in own)
        lines = [f"    if named: return wrapper(**renamed({self.op.name!r}, {{{given}}}, named))"]
        if "dim" not in self.optional:
            lines.append(f"    if dim is MISSING: renamed({self.op.name!r}, {{'dim': MISSING}}, {{}})")
        return lines

    def _fast(self):
        """The usual arrangement: look the call up and record it."""
        tensors = [n for n, kind in self.values if kind == "tensor"] or [self.values[0][0]]
        conditions = [f"{n}.__class__ in PLAIN" for n in tensors]
        conditions += [f"{n} is default_{n}" for n, kind in self.values if kind == "number" and n in self.optional]
        body, inputs = [], []
        for name, kind in self.values:
            lines, given = self._argument(name, kind)
            body += lines
            inputs += given
        body += self._look_up()
        if self.op.view is not None:
            body.append(f"result = {inputs[0]}._make_view(call, ({''.join(i + ', ' for i in inputs[1:])}))")
        else:
            body.append(f"result = apply(call, ({', '.join(inputs)},))")
        return [f"    if {' and '.join(conditions)}:", *["        " + line for line in self.check + body + self.finish]]

    def _argument(self, name, kind):
        """(lines that look at one argument, what it adds to the inputs)."""
        if kind == "tensor":
            return [], [name]
        if kind == "maybe":
            return [
                f"if {name} is None: {name}_s = None; {name}_v = ()",
                f"elif {name}.__class__ in PLAIN: {name}_s = 'tensor'; {name}_v = ({name},)",
                f"else: {self.give_up}",
            ], [f"*{name}_v"]
        if kind == "either":
            return [
                f"if {name}.__class__ in PLAIN: {name}_v = {name}; {name}_s = 'tensor'",
                f"elif {name}.__class__ in NUMBER: {name}_v = number({name}); {name}_s = 'number'",
                f"else: {self.give_up}",
            ], [name + "_v"]
        if kind == "number" and name in self.optional:
            return [], []  # left at its default, which the call knows
        return [f"if {name}.__class__ not in NUMBER: {self.give_up}"], [f"number({name})"]

    def _look_up(self):
        """Lines that find the call: by the constants and by which arguments are tensors."""
        structure = ", ".join(
            f"{n}_s" if k in ("either", "maybe") else repr("default" if k == "number" and n in self.optional else k)
            for n, k in self.values
        )
        varying = [f"{n}_s" for n, k in self.values if k in ("either", "maybe")]
        keys = [f"{n}, {n}.__class__" for n in self.op.consts] + varying
        bound = f"bound({''.join(n + ', ' for n in self.op.consts)}structure=({structure},))"
        if not keys:
            self.names["state"] = []
            return [f"if not state: state.append({bound})", "call = state[0]"]
        key = f"({', '.join(keys)},)"
        return ["try:", f"    call = cache[{key}]", "except (KeyError, TypeError):", f"    call = {bound}",
                f"    try: cache[{key}] = call", "    except TypeError: pass"]  # fmt: skip


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
    """Any arrangement of arguments, bound generically."""

    def slow(args, consts, out):
        if wanted(args):
            return hand_over(_known_as(op), args, *_as_given(op, args, consts, out))
        result = op.run(args, consts)
        if op.returns is not None:
            result = op.returns(result)
        return store(out, result, op, args) if out is not None else result

    return slow


def _known_as(op):
    """The function that users know the op by: some have their old arguments sorted out first."""
    known = None if op.fn.__name__.startswith("_") else getattr(sys.modules["jtorch"], op.name, None)
    return known if callable(known) else op.public


def _as_given(op, args, consts, out):
    """(args, kwargs) of a call, near to how the user wrote it: tensors in front, what is not the default by name."""
    values = dict(zip([n for n, kind, _ in op.params if kind != "const"], args, strict=True))
    values.update(zip(op.consts, consts, strict=True))
    given, named, gap = [], {}, False
    for name, kind, p in op.params:
        if p.default is not p.empty and values[name] is p.default:
            gap = True
        elif kind != "const" and not gap and not named and p.kind is not p.KEYWORD_ONLY:
            given.append(values[name])
        else:
            named[name] = values[name]
    if out is not None:
        named["out"] = out
    return tuple(given), named or None


def _any_array(args):
    """Whether a plain function of arrays is wanted: arrays among the arguments and no Tensor."""
    found = False
    for a in args:
        for x in a if isinstance(a, list | tuple) else (a,):
            if isinstance(x, Tensor):
                return False
            found = found or isinstance(x, jax.Array)
    return found
