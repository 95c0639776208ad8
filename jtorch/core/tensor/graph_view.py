"""What users see of the gradient graph: `grad_fn`, its `next_functions`, names and hooks, with PyTorch's structure.

A node of `jtorch.core.grad.nodes` is one line; PyTorch may have several for it (`nn.Linear` is `addmm` over a transposed
weight) or name its inputs in another order. The op's option `graph` says so, {node's name: "Name(inputs...)"}:

- `Name(...)` is a node (`Backward0` is understood), and `Name#1` a node's second output;
- an input is written as the op's parameter, the first of a list as `tensors0`, and `-` is an entry without a gradient;
- a `*` after an argument repeats it for each step of a sequence;
- the key `name:nm` holds for inputs of n and m dimensions (N for three or more), `name[const=value]` where a constant of
  the op has this value, and `name#1` for what stands behind the second output.

Nothing here runs while code is recorded or run backward: the object for a node is made when somebody asks for `grad_fn`,
and lives as long as they keep it.
"""

from __future__ import annotations

import re
import weakref
from functools import cache

import numpy as np

from jtorch.core.engine import Value, record, type_of
from jtorch.core.facts import RemovableHandle, devices
from jtorch.core.grad import FREED, RELEASED, Leaf, edge_of, source
from jtorch.core.tensor.leaf import LeafGrad
from jtorch.core.tensor.start_backward import tensor_carrier
from jtorch.core.tensor.tensor import NOWHERE, Tensor, wrap

# Parameters that PyTorch never differentiates by: they have no entry in `next_functions`. An op names others by its option
# `undifferentiated`.
_UNDIFFERENTIATED = {"index", "indices", "condition", "mask", "lengths", "boundaries", "running_mean", "running_var",
                     "drawn", "noise"}  # fmt: skip
# PyTorch's nodes of views. If a composite op has one, its result is a view in PyTorch, of an intermediate result.
_VIEWS = {"ViewBackward0", "SqueezeBackward0", "SqueezeBackward1", "PermuteBackward0", "TransposeBackward0"}


class ShownNode:
    """A node as users see it. Subclassed once for each name, so that its class is called `MulBackward0`."""

    __slots__ = ("__weakref__", "_node")

    def __init__(self, node):
        self._node = node

    def name(self) -> str:
        return type(self).__name__

    @property
    def next_functions(self):
        """((node or None, output number), ...): what made each input."""
        return _structure(self._node).next

    @property
    def requires_grad(self):
        return True

    @property
    def metadata(self) -> dict:
        """A dictionary for the user's own notes."""
        if self._node.metadata is None:
            self._node.metadata = {}
        return self._node.metadata

    def _sequence_nr(self):
        return self._node.number

    def _set_sequence_nr(self, number):
        raise NotImplementedError("grad_fn._set_sequence_nr")

    @property
    def _input_metadata(self):
        return [InputMetadata(t) for t in self._node.out_types]

    def register_hook(self, hook):
        """Call `hook(grad_inputs, grad_outputs)` after this node has run; what it returns replaces grad_inputs."""
        return _hook_handle(self._node.made_hooks().post, hook)

    def register_prehook(self, hook):
        """Call `hook(grad_outputs)` before this node runs; what it returns replaces them."""
        return _hook_handle(self._node.made_hooks().pre, hook)

    def __call__(self, *grads):
        """The gradients of the inputs for gradients of the outputs, or None: the saved values stay for another call."""
        node = self._node
        if isinstance(node, Part):
            raise NotImplementedError(f"calling {node.name_}: jtorch computes it together with the node before it")
        if len(grads) != len(node.out_types):
            raise TypeError(f"expected {len(node.out_types)} arguments, got {len(grads)} instead")
        needs = tuple([e is not None for e in node.edges])
        made = iter(node.pull(list(grads), needs, tensor_carrier()))
        found = tuple([next(made) if need else None for need in needs])
        return found[0] if len(found) == 1 else found

    def __getattr__(self, name):
        if name.startswith("_saved_"):
            return _saved(self._node, name.removeprefix("_saved_"))
        if name.startswith("_raw_saved_"):
            raise NotImplementedError(f"grad_fn.{name}")
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")


class InputMetadata:
    """The shape, dtype and device that a node expects of a gradient."""

    def __init__(self, type):
        self.dtype = type.dtype
        self.shape = type.shape
        self.device = None if type.place is None else type.place.device
        self.is_tensor_subclass = False
        self.is_nested_tensor = False
        self.is_cpp_nested_tensor = False


class AccumulateGrad(ShownNode):
    """The node of a leaf: where its gradient is collected."""

    __slots__ = ()

    def name(self):
        return "torch::autograd::AccumulateGrad"

    @property
    def variable(self):
        """The leaf."""
        return self._node.tensor()

    next_functions = ()
    metadata = property(lambda self: {})
    _input_metadata = property(lambda self: [InputMetadata(self.variable._type)])

    def _sequence_nr(self):
        return 2**64 - 1

    def register_hook(self, hook):
        """Call `hook((), (grad,))` after the gradient was added to `.grad`."""
        return _hook_handle(self._node.made_own()[1], hook)

    def register_prehook(self, hook):
        """Call `hook((grad,))` before the gradient is added to `.grad`; what it returns replaces it."""
        return _hook_handle(self._node.made_own()[0], hook)


AccumulateGrad.__module__ = "builtins"  # so that it prints as PyTorch's


def _hook_handle(table, hook):
    handle = RemovableHandle(table)
    table[handle.id] = hook
    return handle


_shown: weakref.WeakValueDictionary = weakref.WeakValueDictionary()


def show(node):
    """What users see of a node: one object as long as somebody holds it. For the node of a `Function` it is the context."""
    if node is None or node is NOWHERE:
        return None
    if hasattr(node, "shown"):
        return node.shown()
    view = _shown.get(id(node))
    if view is None:
        view = _shown[id(node)] = AccumulateGrad(node) if isinstance(node, Leaf) else _class(node.name())(node)
    return view


@cache
def _class(name):
    """The class of nodes of a name. Without a module, because PyTorch's print `<MulBackward0 object at 0x...>`."""
    body = {"__slots__": (), "__module__": "builtins"}
    if name in ("CopySlices", "CopyBackwards"):
        body["name"] = lambda self: f"torch::autograd::{name}"
    return type(name, (ShownNode,), body)


class Part:
    """A node that PyTorch has and jtorch does not: one of several that stand for a line."""

    def __init__(self, owner, name, number):
        self.owner = owner  # keeps the nodes behind it alive
        self.name_ = name
        self.number = number
        self.next = ()
        self.metadata = None
        self.out_types = ()

    def name(self):
        return self.name_

    def made_hooks(self):
        raise NotImplementedError(f"hooks on {self.name_}: jtorch computes it together with the node before it")

    @property
    def inputs(self):
        raise NotImplementedError(f"what {self.name_} saved: jtorch computes it together with the node before it")


class Structure:
    """The `next_functions` of a node. It keeps the parts among them alive."""

    def __init__(self, node, next):
        self.node = node
        self.next = next


_structures: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()


def _structure(node):
    if isinstance(node, Part):
        return node
    found = _structures.get(node)
    return Structure(node, _next(node)) if found is None else found


def _next(node):
    """The entries of `next_functions`."""
    text = _text_of(node)
    if text is None:
        entries = [next_function(node.edges[i]) if i is not None else (None, 0) for i in _slots(node)]
        if node.call is not None and node.call.name == "write" and node.edges[1] is not None:
            # a write through a view: PyTorch's entry for the view is the base's here
            written = source(node.edges[1])[0]
            return (entries[0], *_structure(written).next[1:]) if not isinstance(written, Leaf) else tuple(entries)
        return tuple(entries)
    _, arguments = _parse_node(text)
    return _arguments(node, arguments, _by_parameter(node))


def next_function(edge):
    if edge is None:
        return None, 0
    node, nr = source(edge)
    text = _text_of(node, f"#{nr}") if nr else None
    return (show(node), nr) if text is None else _argument(node, _parse_node(text), _by_parameter(node))


def _arguments(node, arguments, inputs):
    """The entries of a structure; an argument with a star stands there once for each step of the sequence."""
    entries = []
    for argument in arguments:
        often = argument[0] == "*"
        entry = _argument(node, argument[1] if often else argument, inputs)
        entries += [entry] * (node.in_types[0].shape[0] if often else 1)
    return tuple(entries)


def _argument(node, argument, inputs):
    """One entry of a structure: an input by its parameter, or a part with arguments of its own."""
    if isinstance(argument, str):
        return next_function(inputs.get(argument))
    (name, _, nr), arguments = argument[0].partition("#"), argument[1]
    entries = _arguments(node, arguments, inputs)
    if all(entry == (None, 0) for entry in entries):
        return None, 0
    part = Part(node, name, node.number)
    part.next = entries
    return _class(name)(part), int(nr or 0)


def _text_of(node, output=""):
    op = getattr(node.call, "op", None)
    if op is None or not op.graph:
        return None
    found = op.graph
    name = node.name().removeprefix("torch::autograd::") + output
    dims = "".join(["N" if t.ndim > 2 else str(t.ndim) for t in node.in_types])
    fits = [
        key for key in found if "[" in key and key.startswith(name + "[") and _constants_match(key, node.call.consts)
    ]
    return found[max(fits, key=len)] if fits else found.get(f"{name}:{dims}", found.get(name))


def _constants_match(key, consts):
    """Whether the constants are as "Name[const=value][const=value]" says."""
    wanted = [condition.rstrip("]").split("=") for condition in key.split("[")[1:]]
    return all(str(consts.get(const)) == value for const, value in wanted)


@cache
def _parse_node(text):
    """'Addmm(bias, T(weight))' -> ("AddmmBackward0", ["bias", ("TBackward0", ["weight"])])."""
    tokens = re.findall(r"[\w.#-]+|[(),*]", text)

    def one(at):
        word = tokens[at]
        if at + 1 == len(tokens) or tokens[at + 1] != "(":
            return word, at + 1
        arguments, at = [], at + 2
        while tokens[at] != ")":
            argument, at = one(at)
            if tokens[at] == "*":
                argument, at = ("*", argument), at + 1
            arguments.append(argument)
            at += tokens[at] == ","
        name, mark, nr = word.partition("#")
        plain = name[-1].isdigit() or name == "CopySlices"
        return ((name if plain else name + "Backward0") + mark + nr, arguments), at + 1

    return one(0)[0]


def _parameters(node):
    """(name, kind, flat position or None) of each value parameter of the node's op; None: it has no schema."""
    op = getattr(node.call, "op", None)
    if op is None:
        return None
    structure = node.call.structure or tuple(["tensor"] * len(node.in_types))
    found, at = [], 0
    for (name, kind, _), given in zip([p for p in op.params if p[1] != "const"], structure, strict=True):
        if kind == "list":
            found += [(f"{name}{i}", kind, at + i) for i in range(given)]
            at += given
        elif given is None or given == "default":
            found.append((name, kind, None))
        else:
            found.append((name, kind, at))
            at += 1
    return found


def _by_parameter(node):
    """parameter -> edge."""
    return {name: None if at is None else node.edges[at] for name, _, at in _parameters(node)}


def _slots(node):
    """For each entry of `next_functions` the position of its edge; None for an entry without a node."""
    parameters = _parameters(node)
    if parameters is None:
        return [i for i, t in enumerate(node.in_types) if not t.number or getattr(node.call, "number_slots", False)]
    op, slots = node.call.op, []
    for name, kind, at in parameters:
        if name.rstrip("0123456789") in _UNDIFFERENTIATED or kind == "number" or name in op.undifferentiated:
            continue
        if at is None:
            if kind == "maybe":
                slots.append(None)
        elif not node.in_types[at].number or (op.numbers == "tensor" and op.grad_fn != "NotImplemented"):
            slots.append(at)
    return slots


def _saved(node, name):
    """What a node saved under PyTorch's name for it: a tensor, a number or a constant."""
    if node.inputs is RELEASED:
        raise RuntimeError(FREED)
    if name == "result" and node.outputs:
        return wrap(node.outputs[0], edge_of(node, 0))
    wanted = {"self": "input"}.get(name, name)
    for parameter, _, at in _parameters(node) or ():
        if parameter == wanted and at is not None and not node.call.linear:
            value, edge = node.saved_input(at), node.edges[at]
            if value.type.number:
                made_tensor = getattr(node.call.op, "numbers", None) == "tensor"  # PyTorch made a tensor of the number
                type = type_of((), value.type.dtype, devices.CPU)
                return wrap(Value(type, np.asarray(value.array, type.dtype.np))) if made_tensor else value.array
            leaf = edge.tensor() if edge.__class__ is LeafGrad else None
            return leaf if leaf is not None and leaf._value is value else wrap(value, edge)
    if name == "self_sym_sizes" and node.in_types and (node.call.linear or _by_place(node)):
        return tuple(node.in_types[0].shape)
    if name in ("index", "indices", "start", "end") and _by_place(node):
        return _saved_place(node, name)
    if node.call is not None and wanted in node.call.consts:
        return _shown_constant(node.call, wanted)
    raise AttributeError(f"'{node.name()}' object has no attribute '_saved_{name}'")


def _by_place(node):
    """Whether a node's gradient is that of elements chosen by where they are."""
    return getattr(node.call, "chooses", False) or node.name() in _CHOOSING


_CHOOSING = {"IndexBackward0", "IndexPutBackward0", "IndexSelectBackward0", "SelectBackward0", "SliceBackward0"}


def _saved_place(node, name):
    """Where a node's elements are: an index or a bound of a slice as a number, counted from the start, or index tensors.

    Of a mask these are the positions where it is true, where PyTorch keeps the mask.
    """
    if name == "indices" and "dims" in node.call.consts:
        found = dict(zip(node.call.consts["dims"], node.inputs[-len(node.call.consts["dims"]) :], strict=True))
        return tuple([wrap(found[d]) if d in found else None for d in range(max(found) + 1)])
    if name == "indices" and len(node.out_types) == 2:
        return wrap(record(node.call, tuple(node.inputs))[1][1])
    if name != "indices" and node.inputs and node.inputs[0].type.number:
        at, consts = int(node.inputs[0].array), node.call.consts
        if name != "end":
            return at
        return min(at + consts["length"] * consts["step"], node.in_types[0].shape[consts["dim"]])
    raise AttributeError(f"'{node.name()}' object has no attribute '_saved_{name}'")


def _shown_constant(call, name):
    """A constant as PyTorch shows it: dims in a tuple where there may be several, a negative one as an unsigned number."""
    value = call.consts[name]
    op = getattr(call, "op", None)
    if op is not None and "tuple" in str(op.fn.__annotations__.get(name)) and isinstance(value, int):
        value = (value,)
    if isinstance(value, tuple) and all(type(v) is int for v in value):
        return tuple([v % 2**64 for v in value])
    return value % 2**64 if type(value) is int and name.startswith("dim") else value


def _grad_fn(self):
    """The node of the gradient graph that made this tensor; None for a leaf."""
    edge = self._history()
    if edge is None or isinstance(edge, Leaf):
        return None
    return show(source(edge)[0])


def _is_view(self):
    """Whether this is a view of another tensor."""
    if self._base is not None:
        return True
    edge = self._edge
    if edge is None or isinstance(edge, Leaf):
        return False
    node = source(edge)[0]
    return getattr(node.call, "op", None) is not None and node.name() in _VIEWS


Tensor.grad_fn = property(_grad_fn)
Tensor._is_view = _is_view
