"""The function that users call for an op, generated as source from its signature.

Binding arguments generically would cost more than recording the line. So the source has a few tests and one look-up of the
interned call for the usual arrangement (tensors where tensors go, numbers left at their defaults); every other arrangement
goes through `Op.run`. The checks of PyTorch's parser run only after a call has failed, by `handlers.failed`.
This file reads only the parameters of an op, its names and its constants.
"""

from __future__ import annotations

import inspect
import linecache
from types import FunctionType

import jax

from jtorch.core.engine import NUMBER, number
from jtorch.core.op.handlers import MISSING, handlers
from jtorch.core.tensor import PLAIN, Tensor, apply


def wrapper_of(op):
    """The public function of an op. Given tensors it records a line, given arrays it computes.

    Its source is compiled at the first call: compiling all of them would take a tenth of the time of `import jtorch`.
    """
    source, names = _WrapperSource(op).write()
    file = f"<op {op.fn.__module__}.{op.fn.__name__}>"
    linecache.cache[file] = len(source), None, source.splitlines(True), file  # debuggers and tracebacks show the source

    def complete(wrapper):
        exec(compile(source, file, "exec"), made := dict(names))
        whole = made["wrapper"]
        wrapper.__defaults__, wrapper.__kwdefaults__ = whole.__defaults__, whole.__kwdefaults__
        wrapper.__code__ = whole.__code__  # last: another thread may be calling it
        return wrapper

    code = _incomplete.__code__.replace(co_filename=file, co_firstlineno=1)
    made = FunctionType(code, names | {"complete": complete})
    made.__doc__, made.__module__, made.op, made.__signature__ = op.fn.__doc__, "jtorch", op, _signature(op)
    return _set_name(made, op.name, "functions")


def _incomplete(*args, **kwargs):
    """The code of a wrapper until its first call."""
    return complete(wrapper)(*args, **kwargs)  # noqa: F821, they are names of the wrapper


def renamed(public, name, kind):
    """The same function under another name, as a method or as one of nn.functional: its errors say so."""
    return _set_name(_copied(public, name), name, kind)


def operator(public, operand):
    """The same function as an operator of Tensor. `operand` converts the other side to what the op takes, or returns
    NotImplemented.

    It is called only if the other side is not a plain tensor or number, so the usual line does not pay for it.
    """
    made, slow = _copied(public, public.__name__), public.__globals__["slow"]

    def operated(wrapper, args, consts, out):
        other = operand(args[1])
        return other if other is NotImplemented else slow(wrapper, (args[0], other, *args[2:]), consts, out)

    made.__globals__.update(slow=operated, wrapper=made)
    made.is_operator = True
    return made


def _copied(public, name):
    made = FunctionType(public.__code__, dict(public.__globals__), name, public.__defaults__, public.__closure__)
    made.__kwdefaults__ = public.__kwdefaults__
    made.__dict__.update(public.__dict__)
    made.__doc__, made.__module__ = public.__doc__, public.__module__
    return made


def _set_name(made, name, kind):
    names = made.__globals__
    names["wrapper"] = made
    made.__name__ = made.__qualname__ = name
    made.called_as = name, kind
    made.renamed = lambda name, kind: renamed(made, name, kind)
    return made


def _signature(op):
    """The op's signature as users call it: with Tensors, and `out`."""
    own = inspect.signature(op.fn)
    params = [p.replace(annotation=_of_tensors(p.annotation)) for p in own.parameters.values()]
    if op.view is None:
        params.append(inspect.Parameter("out", inspect.Parameter.KEYWORD_ONLY, default=None))
    return own.replace(parameters=params, return_annotation=_of_tensors(own.return_annotation))


def _of_tensors(annotation):
    """An annotation of the pure function, which is a text, with Tensors in place of arrays."""
    if isinstance(annotation, str):
        return annotation.replace("jax.Array", "Tensor").replace("Array", "Tensor")
    return annotation


class _WrapperSource:
    """The source of one wrapper, and the names it uses."""

    def __init__(self, op):
        self.op = op
        self.out = op.view is None  # a view has no out=
        self.values = [(n, kind) for n, kind, _ in op.params if kind != "const"]
        self.optional = {n for n, _, p in op.params if p.default is not p.empty}
        self.names = {
            "PLAIN": PLAIN, "op": op, "apply": apply, "plain": op.fn, "number": number,
            "NUMBER": NUMBER, "call_for": op.call_for, "cache": {}, "returns": op.returns, "check": op.check,
            "LISTS": (list, tuple), "TYPE": type, "any_array": _any_array, "slow": _slow(op), "handlers": handlers,
        }  # fmt: skip
        args = "(" + "".join(n + ", " for n, _ in self.values) + ")"
        consts = "(" + "".join(n + ", " for n in op.consts) + ")"
        own = [n for n, _, _ in op.params] + ["out"] * self.out
        self.given = "{" + ", ".join(f"{n!r}: {n}" for n in own) + "}"
        self.args = args
        self.every = ", ".join(f"{n}={n}" for n, _, _ in op.params)
        self.give_up = f"return slow(wrapper, {args}, {consts}, {'out' if self.out else 'None'})"
        self.check = [f"check({self.every})"] if op.check else []
        self.finish = ["result = returns(result)"] if op.returns is not None else []
        stored = f"handlers.store(out, result, op.name, op, {self.given}) if out is not None else result"
        self.finish.append(f"return {stored if self.out else 'result'}")

    def write(self):
        """(source, names)."""
        lines, given = [], self.given
        if self.values and self.values[0][1] != "maybe":
            lines += self._fast()
        lines.append(f"    if any_array({self.args}): return plain({self.every})")
        lines.append(f"    if handlers.overridden({self.args}): {self.give_up}")
        lines += ["    " + line for line in [*self.check, self.give_up]]
        return "\n".join(
            [
                f"def wrapper({', '.join(self._parameters())}):",
                f"    if extra or named: return handlers.failed(wrapper, {given}, extra, named, False)",
                "    try:",
                *["    " + line for line in lines],
                "    except Exception:",
                f"        return handlers.failed(wrapper, {given}, extra, named, True)",
            ]
        ), self.names

    def _parameters(self):
        """Required parameters default to MISSING and surplus arguments are accepted, so a bad call reaches `handlers.failed`."""
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
        """The usual arrangement: find the interned call and record it."""
        self.sure = [n for n, k in self.values if k == "tensor"] or [n for n, k in self.values[:1] if k != "list"]
        conditions = [f"{n}.__class__ in PLAIN" for n in self.sure]
        lists = "{0} and {0}.__class__ in LISTS and {{*map(TYPE, {0})}} <= PLAIN"
        conditions += [lists.format(n) for n, kind in self.values if kind == "list"]
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
        """(lines that check one argument, its part of the inputs)."""
        if kind == "tensor":
            return [], [name]
        if kind == "maybe":
            return [
                f"if {name} is None: {name}_s = None; {name}_v = ()",
                f"elif {name}.__class__ in PLAIN: {name}_s = 'tensor'; {name}_v = ({name},)",
                f"else: {self.give_up}",
            ], [f"*{name}_v"]
        if kind == "list":
            return [f"{name}_s = len({name})"], ["*" + name]
        if kind == "either" and name in self.sure:
            return [], [name]
        if kind == "either":
            return [
                f"if {name}.__class__ in PLAIN: {name}_v = {name}; {name}_s = 'tensor'",
                f"elif {name}.__class__ in NUMBER: {name}_v = number({name}); {name}_s = 'number'",
                f"else: {self.give_up}",
            ], [name + "_v"]
        if kind == "number" and name in self.optional:
            return [], []  # its default, which is part of the call
        return [f"if {name}.__class__ not in NUMBER: {self.give_up}"], [f"number({name})"]

    def _look_up(self):
        """Lines that find the call: by the constants and by which arguments are tensors."""
        varying = [f"{n}_s" for n, k in self.values if k in ("either", "maybe", "list") and n not in self.sure]
        structure = ", ".join(f"{n}_s" if f"{n}_s" in varying else repr(self._arranged(n, k)) for n, k in self.values)
        keys = [f"{n}, {n}.__class__" for n in self.op.consts] + varying
        found = f"call_for({''.join(n + ', ' for n in self.op.consts)}structure=({structure},))"
        if not keys:
            self.names["state"] = []
            return ["try: call = state[0]", "except IndexError:", f"    call = {found}", "    state.append(call)"]
        key = varying[0] if keys == varying[:1] else f"({', '.join(keys)},)"
        first = [f"    handlers.first_seen(wrapper, {self.given})"] if self.op.consts else []
        return ["try:", f"    call = cache[{key}]", "except KeyError:", *first, f"    call = cache[{key}] = {found}",
                "except TypeError:", f"    call = {found}"]  # fmt: skip

    def _arranged(self, name, kind):
        """The entry of an argument in the structure of the usual call."""
        if name in self.sure:
            return "tensor"
        return "default" if kind == "number" and name in self.optional else kind


def _slow(op):
    """Any arrangement of arguments, bound generically."""

    def slow(wrapper, args, consts, out):
        if handlers.overridden(args):
            return handlers.hand_over(wrapper, args, consts, out)
        result = op.run(args, consts)
        if op.returns is not None:
            result = op.returns(result)
        return result if out is None else handlers.store(out, result, op.name, op, _args_by_name(op, args, consts))

    return slow


def _args_by_name(op, args, consts):
    args, consts = iter(args), iter(consts)
    return {n: next(consts if kind == "const" else args) for n, kind, _ in op.params}


def _any_array(args):
    """Whether to compute instead of record: there are arrays among the arguments and no Tensor."""
    found = False
    for a in args:
        for x in a if isinstance(a, list | tuple) else (a,):
            if isinstance(x, Tensor):
                return False
            found = found or isinstance(x, jax.Array)
    return found
