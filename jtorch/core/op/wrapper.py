"""The function that users call for an op, written as source for its signature.

Binding arguments generically at every call would cost more than recording the line, so the usual arrangement (tensors
where tensors go, numbers left at their defaults) is unrolled into a few tests and one look-up of the interned call;
every other arrangement goes through `Op.run`. A call that fails is looked at by `arguments.refuse`; until then nothing
is checked that PyTorch's parser would check. This file knows an op by its parameters only.
"""

from __future__ import annotations

import inspect
import sys
from types import FunctionType

import jax

from jtorch.core.engine import NUMBER, number
from jtorch.core.facts import OF_PYTHON
from jtorch.core.op.refusal import arguments
from jtorch.core.op.refusal import type_errors as faults
from jtorch.core.op.refusal.type_errors import MISSING
from jtorch.core.tensor import PLAIN, Tensor, apply, check_undifferentiated, hand_over, store, wanted


def wrapper_of(op):
    """The public function of an op: records when it is given tensors, computes when it is given arrays."""
    source, names = _Source(op).write()
    exec(compile(source, f"<op {op.name}>", "exec"), names)
    made = names["wrapper"]
    made.__doc__ = op.fn.__doc__
    made.__module__ = "jtorch"
    made.op = op
    made.__signature__ = _signature(op)
    return _known(made, op.name, "functions")


def under(public, name, kind):
    """The same function under another name, as a method or as one of nn.functional: its errors say so."""
    return _known(_copied(public, name), name, kind)


def operator(public, operand):
    """The same function as an operator of Tensor: `operand` makes of the other side what the op takes, or NotImplemented.

    It is asked where the other side is no plain tensor or number: to ask first would be one more call for each line.
    """
    made, slow = _copied(public, public.__name__), public.__globals__["slow"]

    def operated(args, consts, out):
        other = operand(args[1])
        return other if other is NotImplemented else slow((args[0], other, *args[2:]), consts, out)

    made.__globals__["slow"] = operated
    return made


def _copied(public, name):
    made = FunctionType(public.__code__, dict(public.__globals__), name, public.__defaults__, public.__closure__)
    made.__kwdefaults__ = public.__kwdefaults__
    made.__dict__.update(public.__dict__)
    made.__doc__, made.__module__ = public.__doc__, public.__module__
    return made


def _known(made, name, kind):
    names = made.__globals__
    names["wrapper"], names["failed"] = made, _failed(made.op, made, name, kind)
    names["seen"] = _seen(made.op, made, name, kind)
    made.__name__ = made.__qualname__ = name
    made.known = name, kind
    made.under = lambda name, kind: under(made, name, kind)
    return made


def _failed(op, made, known, kind):
    """What a call does that cannot be bound or has failed: take it in PyTorch's other forms, or raise what PyTorch does."""
    aliased, method = _aliased(op), kind == "methods"
    deprecated = op.deprecated if known == op.name else None

    def failed(given, extra, named, bound):
        args, keywords = _written(op, given, extra, named, faults.keywords_in(sys._getframe(2)))
        if not bound:
            meant = None
            if deprecated and arguments.is_deprecated(deprecated, args):
                return arguments.modern(deprecated, made, known, args, keywords, method)
            if aliased and not extra and all(_NUMPY_NAMES.get(k) in given for k in named):
                meant = {n: v for n, v in given.items() if v is not MISSING} | {
                    _NUMPY_NAMES[k]: v for k, v in named.items()
                }
            try:
                if meant is not None:
                    return made(**meant)
                raise TypeError(f"{known}() got arguments that it cannot take")
            except Exception:
                arguments.refuse(known, args[method:], keywords, kind, made.__signature__)
                raise
        if isinstance(given.get("dtype"), type) and given["dtype"] in OF_PYTHON:
            return made(*args, **keywords | {"dtype": OF_PYTHON[given["dtype"]]})
        if not op.hidden:  # what stands behind a public name is given what PyTorch's parser never sees
            arguments.refuse(known, args[method:], keywords, kind, made.__signature__)
        if given.get("out") is not None:  # asked before the op looks at its operands
            check_undifferentiated(op.name, given["out"], given.values())
        raise

    return failed


def _seen(op, made, known, kind):
    """Refuse constants that PyTorch would not take, when they are seen for the first time."""
    if op.hidden:
        return lambda given: None
    method = kind == "methods"

    def seen(given):
        args, keywords = _written(op, given, (), {}, ())
        if isinstance(given.get("dtype"), type) or not faults.fault_of(
            known, args[method:], keywords, kind, made.__signature__
        ):
            return
        by_name = faults.keywords_in(sys._getframe(2))
        if by_name is not None:  # else what looks too much may have been given by name
            args, keywords = _written(op, given, (), {}, by_name)
            arguments.refuse(known, args[method:], keywords, kind, made.__signature__)

    return seen


def _written(op, given, extra, named, by_name):
    """(positional arguments, keywords) as the user has written them: exactly, where `by_name` says which had names."""
    args, keywords, in_order = [], {}, True
    for name, _, p in op.params:
        value = given[name]
        if value is MISSING or (value is p.default and not (extra and p.kind is not p.KEYWORD_ONLY)):
            in_order = False
        elif by_name is not None and name in by_name:
            keywords[name] = value
        elif in_order and p.kind is not p.KEYWORD_ONLY:
            args.append(value)
        else:
            keywords[name] = value
    if given.get("out") is not None:
        keywords["out"] = given["out"]
    return [*args, *extra], keywords | named


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
        self.names = {
            "PLAIN": PLAIN, "op": op, "apply": apply, "plain": op.fn, "store": store, "number": number,
            "NUMBER": NUMBER, "bound": op.bound, "cache": {}, "returns": op.returns, "check": op.check,
            "any_array": _any_array, "slow": _slow(op),
        }  # fmt: skip
        args = "(" + "".join(n + ", " for n, _ in self.values) + ")"
        consts = "(" + "".join(n + ", " for n in op.consts) + ")"
        own = [n for n, _, _ in op.params] + ["out"] * self.out
        self.given = "{" + ", ".join(f"{n!r}: {n}" for n in own) + "}"
        self.args = args
        self.every = ", ".join(f"{n}={n}" for n, _, _ in op.params)
        self.give_up = f"return slow({args}, {consts}, {'out' if self.out else 'None'})"
        self.check = [f"check({self.every})"] if op.check else []
        self.finish = ["result = returns(result)"] if op.returns is not None else []
        self.finish += [
            f"return store(out, result, op.name, op, {args}) if out is not None else result"
            if self.out
            else "return result"
        ]

    def write(self):
        """(source, names)."""
        lines, given = [], self.given
        if self.values and all(kind != "list" for _, kind in self.values) and self.values[0][1] != "maybe":
            lines += self._fast()
        lines.append(f"    if any_array({self.args}): return plain({self.every})")
        lines += ["    " + line for line in [*self.check, self.give_up]]
        return "\n".join(
            [
                f"def wrapper({', '.join(self._parameters())}):",
                f"    if extra or named: return failed({given}, extra, named, False)",
                "    try:",
                *["    " + line for line in lines],
                "    except Exception:",
                f"        return failed({given}, extra, named, True)",
            ]
        ), self.names

    def _parameters(self):
        """As the op's, but that one without a default has MISSING for one, and that what is too much is taken, too."""
        signature = []
        for name, _kind, p in self.op.params:
            if p.kind is p.KEYWORD_ONLY and "*extra" not in signature:
                signature.append("*extra")
            self.names["default_" + name] = MISSING if p.default is p.empty else p.default
            signature.append(f"{name}=default_{name}")
        if "*extra" not in signature:
            signature.append("*extra")
        return [*signature, *["out=None"] * self.out, "**named"]

    def _fast(self):
        """The usual arrangement: look the call up and record it."""
        self.sure = [n for n, kind in self.values if kind == "tensor"] or [self.values[0][0]]
        conditions = [f"{n}.__class__ in PLAIN" for n in self.sure]
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
        if kind == "either" and name in self.sure:
            return [], [name]
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
        varying = [f"{n}_s" for n, k in self.values if k in ("either", "maybe") and n not in self.sure]
        structure = ", ".join(f"{n}_s" if f"{n}_s" in varying else repr(self._arranged(n, k)) for n, k in self.values)
        keys = [f"{n}, {n}.__class__" for n in self.op.consts] + varying
        bound = f"bound({''.join(n + ', ' for n in self.op.consts)}structure=({structure},))"
        if not keys:
            self.names["state"] = []
            return ["try: call = state[0]", "except IndexError:", f"    call = {bound}", "    state.append(call)"]
        key = varying[0] if keys == varying[:1] else f"({', '.join(keys)},)"
        first = [f"    seen({self.given})"] if self.op.consts else []
        return ["try:", f"    call = cache[{key}]", "except KeyError:", *first, f"    call = cache[{key}] = {bound}",
                "except TypeError:", f"    call = {bound}"]  # fmt: skip

    def _arranged(self, name, kind):
        """How an argument stands in the structure of the usual call."""
        if name in self.sure:
            return "tensor"
        return "default" if kind == "number" and name in self.optional else kind


_NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim"}  # PyTorch takes NumPy's names too


def _aliased(op):
    """Whether the op's `dim` may also be called axis: where nothing without a default comes after it."""
    names = [n for n, _, _ in op.params]
    if "dim" not in names:
        return False
    return all(p.default is not p.empty for _, _, p in op.params[names.index("dim") + 1 :])


def _slow(op):
    """Any arrangement of arguments, bound generically."""

    def slow(args, consts, out):
        if wanted(args):
            return hand_over(_known_as(op), args, *_as_given(op, args, consts, out))
        result = op.run(args, consts)
        if op.returns is not None:
            result = op.returns(result)
        return store(out, result, op.name, op, args) if out is not None else result

    return slow


def _known_as(op):
    """The function that users know the op by: some have their old arguments sorted out first."""
    known = None if op.hidden else getattr(sys.modules["jtorch"], op.name, None)
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
