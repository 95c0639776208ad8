"""The Tensor: a way of looking at a storage, with a place in the gradient graph. No mathematics.

`apply` runs one call on tensors: it reads their values, records the line, adds a node to the graph if one of them
wants a gradient, and wraps what comes out. Every op goes through it. The operators and methods that compute are
attached by `jtorch.core.op.op`; conversions to Python, NumPy and other types are in `jtorch.core.tensor.convert`.

    Tensor ──> Storage ──> Value (known, or promised by the trace)
       │  └──> View ──> View ...      how this tensor looks at the storage; None: all of it
       └─────> edge                   Node, Output or Leaf; None: wants no gradient
"""

from __future__ import annotations

import weakref
from sys import getrefcount

from jtorch.core import engine
from jtorch.core.engine import Lifted, Value, local, ticks, trace_of, type_of
from jtorch.core.facts import CPU, Hooks, dtypes
from jtorch.core.facts import strides as geometry
from jtorch.core.grad import Leaf, Node, check_replacement, edge_of, watchers
from jtorch.core.grad import nodes as graph
from jtorch.core.tensor.storage import IN_INFERENCE, NO_GRAD, SAME, InferenceStorage, Storage, View, strided, write_of

_new = object.__new__


class _Named(type):
    """Prints Tensor as PyTorch's; pickles know it by its own module."""

    def __repr__(cls):
        return "<class 'torch.Tensor'>" if cls is Tensor else super().__repr__()


class Tensor(metaclass=_Named):
    """A multi-dimensional array that records what is done to it: values are computed when somebody looks.

    Make one with `torch.tensor`, `torch.zeros`, `torch.from_numpy`, ...

    >>> x = torch.tensor([[1., 2.], [3., 4.]], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([[2., 4.],
            [6., 8.]])
    """

    __module__ = "jtorch"
    __slots__ = ("__dict__", "__weakref__", "_base", "_counter", "_edge", "_grad", "_leaf", "_storage", "_view")

    def __hash__(self):
        return id(self)

    __array_priority__ = 1000

    # ---- looks

    @property
    def _type(self):
        view = self._view
        if view is not None:
            return view.type
        storage = self._storage
        return storage.value.type if storage.__class__ is Storage else storage.type

    @property
    def _offset(self):
        return 0 if self._view is None else self._view.offset

    @property
    def shape(self):
        """The size of each dimension."""
        return self._type.shape

    @property
    def dtype(self):
        return self._type.dtype

    @property
    def device(self):
        return self._type.place.device

    @property
    def ndim(self):
        return self._type.ndim

    def size(self, dim=None):
        """The shape, or the size of one dimension."""
        shape = self._type.shape
        return shape if dim is None else shape[wrap_dim(dim, len(shape))]

    def dim(self):
        return self._type.ndim

    def numel(self):
        return self._type.shape.numel()

    nelement = numel

    def stride(self, dim=None):
        """The strides PyTorch would show, in elements."""
        strides = self._type.strides
        return strides if dim is None else strides[wrap_dim(dim, len(strides))]

    def storage_offset(self):
        return self._offset

    def is_contiguous(self, memory_format=None):
        t = self._type
        if memory_format is not None and memory_format.name.startswith("channels_last"):
            return geometry.is_channels_last(t.shape, t.strides)
        return geometry.is_contiguous(t.shape, t.strides)

    # ---- reading and writing

    def _read(self):
        """(value, edge) as seen now, through the view; where gradients are recorded, with the history as of now."""
        view = self._view
        if view is None:
            return self._storage.value, self._edge
        return view.read(self._storage), self._history() if local.grad else self._edge

    def _history(self):
        """This tensor's place in the gradient graph; that of a view is worked out again after each write to its memory."""
        view, base, edge = self._view, self._base, self._edge
        if base is None or view is None or (base._edge is None and (edge is None or edge.__class__ is LeafGrad)):
            return edge
        version = (self._counter or self._storage).version
        if view.at != version:
            if view.note is not None:
                raise RuntimeError(self._refusal(base=True))
            view.at = version
            self._rebase(base)
            return self._edge
        return NOWHERE if edge is None and view.type.differentiable else edge

    def _rebase(self, base):
        """Behind a write: this tensor is what its view shows of the base as that is now."""
        chain, numbers = self._view.chain(base._view)
        node = Node(
            chain,
            tuple(numbers),
            (base._type, *[n.type for n in numbers]),
            (self._view.type,),
            (base._edge, *[None] * len(numbers)),
        )
        self._edge = _kept(self._edge, node)

    def _by_base(self):
        """Behind a write that is allowed, through a view that may show cells of no tensor before it: what it reads has come
        straight from the base. Undone by `_not_written`."""
        base = self._base
        if (
            local.grad
            and base is not None
            and (self._edge is not None or base._edge is not None)
            and self._view.strays()
        ):
            self._history()
            self._rebase(base)

    def _not_written(self, before):
        """The write has failed: the place is what it was before."""
        self._edge = _kept(self._edge, before)

    def _refusal(self, base=False):
        """PyTorch's message for a write that autograd cannot follow: see `View.refusal`."""
        edge = self._edge
        made = None if edge is None or isinstance(edge, Leaf) else graph.source(edge)
        return self._view.refusal(made and (graph.bare(made[0].name()), made[1]), base)

    @property
    def _value(self) -> Value:
        return self._storage.value if self._view is None else self._view.read(self._storage)

    def _look(self):
        """The elements as a read-only NumPy array. A view of something known is read without a program."""
        view = self._view
        if view is not None and view.call.retype is None:
            base = self._storage.value
            while view is not None and view.call.name != "conj":
                view = view.parent
            if view is None and base.array is not None and base.type.place is CPU:  # no conjugation on the way
                return strided(base.look(), base.type, self._view.type, self._view.offset)
        return self._value.look()

    def _writable(self, twice=False, given=()):
        """Raise PyTorch's error where this tensor must not be written to; `twice` allows cells that show twice, `given` is
        what the write depends on."""
        view, leaf = self._view, None
        if self._storage.__class__ is InferenceStorage and not local.inference:
            raise RuntimeError(
                "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal"
                " tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
            )
        if local.grad:
            edge, base = self._edge, self._base
            if base is not None and view is not None and view.note is not None:
                wants = edge is not None or base._edge is not None
                if wants or any([isinstance(t, Tensor) and t.requires_grad for t in given]):  # noqa: C419 - a list is faster
                    raise RuntimeError(self._refusal())
            if base is not None and view is not None and (edge is not None or base._edge is not None):
                if base._edge is None or base._edge.__class__ is LeafGrad:
                    leaf = "a view of a leaf"
                elif edge is None or isinstance(edge, Leaf):
                    leaf = "a leaf"
            elif edge.__class__ is LeafGrad:
                leaf = "a leaf"
            if leaf:
                raise RuntimeError(f"{leaf} Variable that requires grad is being used in an in-place operation.")
        if twice:
            return
        if geometry.may_overlap(self.shape, self.stride()) if view is None else view.refuses_write():
            raise RuntimeError(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory location."
                " Please clone() the tensor before performing the operation."
            )

    def _assign(self, value, edge):
        """Take a new value of the same type, through the view if this is one, with its history."""
        storage, view = self._storage, self._view
        old = storage.value
        if value.mark is graph.INFERENCE and old.mark is not graph.INFERENCE:
            value = engine.record(SAME, (value,))[1]  # a normal tensor stays one
        if view is None:
            storage.write(value, self._counter or storage)
            if local.grad:
                self._edge = _kept(self._edge, edge)
            if self._edge is not None:
                graph.sign(old, self)
            return
        if edge is not None and view.note is not None and self._base is not None:
            raise RuntimeError(self._refusal())
        chain, numbers = view.chain()
        base = self._base
        base_edge = base._edge if base is not None and local.grad else None
        node = None
        if base is not None and (edge is not None or base_edge is not None):
            own, given = (chain, numbers) if base._view is None else view.chain(base._view)
            node = Node(
                write_of(own),
                tuple(given),
                (base._type, value.type, *[n.type for n in given]),
                (base._type,),
                (base_edge, edge, *[None] * len(given)),
            )
        new = engine.record(write_of(chain), (storage.value, value, *numbers))[1]
        if node is not None:
            base._edge = _kept(base._edge, node)
        elif base is None and local.grad:
            self._edge = edge
        storage.write(new, self._counter or storage)
        if base is not None and base._edge is not None:
            graph.sign(old, base)
        if storage.value.mark is None:
            storage.value.mark = []
        value.mark = storage.value.mark  # where backward needs what was written, it is what the view shows
        if value.type is view.type:
            view.value, view.writes = value, storage.writes
        if node is not None:
            self._history()  # PyTorch works it out again at once, which decides what counts as a leaf
            if getattr(edge, "outputs", None):
                edge.through = weakref.ref(self._edge)

    def _make_view(self, call, numbers=()):
        """The tensor that looks at this one through a view call."""
        view = self._view
        t = self._type
        edge = self._edge if view is None or not local.grad else self._history()  # its error comes before the call's
        type, offset = call.layout(t, 0 if view is None else view.offset, numbers)
        if t.place is engine.TRACED:
            return apply(call, (self, *numbers))
        made = _new(Tensor)
        made._storage = self._storage
        made._counter = self._counter
        made._grad = None
        made._view = looked = View(view, call, numbers, type, offset)
        if self._storage.__class__ is InferenceStorage:
            made._base = made._edge = None  # autograd knows nothing of views of what inference mode made
            return made
        made._base = self if self._base is None else self._base
        looked.at = (self._counter or self._storage).version
        if not local.grad:
            looked.note = IN_INFERENCE if local.inference else NO_GRAD
        elif view is not None:
            looked.note = view.note
        if edge is not None and local.grad and type.differentiable:
            edge = Node(call, numbers, (t, *[n.type for n in numbers]), (type,), (edge, *[None] * len(numbers)))
        else:
            edge = None
        made._edge = edge
        return made

    def _alias(self, cls=None):
        """A tensor of class `cls` that looks at the same storage in the same way, with no history."""
        made = _new(cls or Tensor)
        made._storage = self._storage
        made._view = self._view
        made._counter = self._counter
        made._base = made._grad = made._edge = None
        return made

    # ---- autograd

    @property
    def is_leaf(self):
        """Whether it was made by the user, not by a differentiable operation."""
        edge = self._history()
        return edge is None or isinstance(edge, Leaf)

    def _gradient(self):
        """`.grad` without the warning. A remembered walk leaves the bare Value, which most steps never look at."""
        grad = self._grad
        if grad.__class__ is Value:
            grad = self._grad = wrap(grad)
        return grad

    def detach(self):
        """The same memory without history: writes are seen by both, gradients stop here."""
        storage = self._storage
        if storage.__class__ is Storage and storage.value.__class__ is Lifted:
            return storage.value.level.constant(self)
        return self._alias()

    @property
    def data(self):
        """The same memory without history; autograd does not see writes made through it."""
        made = self.detach()
        made._counter = _Counter()
        return made

    @data.setter
    def data(self, other):
        if not isinstance(other, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(other).__name__}")
        if self._edge is not None and not other._type.differentiable:
            raise RuntimeError("data set to a tensor that requires gradients must be floating point or complex dtype")
        storage = self._storage
        if other._storage is storage and other._view is self._view:
            return
        if self._counter is None:  # views made before go on counting with this tensor, other cells though they show
            self._counter = storage if getrefcount(storage) > _ALONE else _Counter(storage.version)
        self._storage = other._storage
        self._view = other._view
        self._base = None

    @data.deleter
    def data(self):
        raise RuntimeError("Deleting tensor data is not allowed. Delete tensor instead!")

    @property
    def _version(self):
        if self._storage.__class__ is InferenceStorage:
            raise RuntimeError("Inference tensors do not track version counter.")
        return (self._counter or self._storage).version


def _kept(old, new):
    """The new place of a tensor in the graph, which takes over from the old one that the gradient is to be kept."""
    if new is not None and old is not None and old.__class__ is not LeafGrad:
        node, nr = graph.source(old)
        if node.hooks is not None and nr in node.hooks.retains:
            after, at = graph.source(new)
            after.hung().retains[at] = node.hooks.retains.pop(nr)
    return new


class _Counter:
    """A version count of its own, for tensors whose writes autograd does not see."""

    __slots__ = ("version",)

    def __init__(self, version=0):
        self.version = version


class LeafGrad(Leaf):
    """Collects one leaf's gradient into its `.grad`. Holds the tensor weakly."""

    __slots__ = ("after", "hooks", "tensor")

    def __init__(self, tensor):
        self.tensor = weakref.ref(tensor)
        self.hooks = Hooks()
        self.after = Hooks()

    def hooked(self, grad, walk):
        for hook in list(self.hooks.values()):
            given = walk.wrap(grad)
            seen = hook(given)
            if seen is not None:
                check_replacement(seen, given, hook)
                grad = walk.unwrap(seen)
        return grad

    def plain(self):
        tensor = self.tensor()
        if tensor is None or tensor._edge is None or tensor._grad is not None or self.hooks or self.after:
            return None
        return tensor

    def watched(self):
        return self.hooks or self.after

    def collect(self, grad, walk):
        tensor = self.tensor()
        if tensor is None:
            return
        if self.hooks:
            grad = self.hooked(grad, walk)
        if tensor._edge is None:  # it wants none any more
            return
        before = tensor._gradient()
        if before is None:
            tensor._grad = _as_tensor(grad, walk)
        elif walk.create_graph:
            tensor._grad = before + _as_tensor(grad, walk)
        else:
            value = grad._value if isinstance(grad, Tensor) else grad
            before._assign(graph.add(before._value, value), before._edge)
        for hook in list(self.after.values()):
            if hook(tensor) is not None:
                raise RuntimeError("Tensor post accumulate grad hooks should return None.")


class Nowhere(Leaf):
    """The place of a view that was made without gradients, of a base that wants one: it wants one, and keeps none."""

    __slots__ = ()

    def hooked(self, grad, walk):
        return grad

    def plain(self):
        return None

    def watched(self):
        return False

    def collect(self, grad, walk):
        """The gradient ends here."""


NOWHERE = Nowhere()


def _as_tensor(grad, walk):
    if not isinstance(grad, Tensor):
        return wrap(grad, None)
    return grad if walk.create_graph else grad.detach()


def wrap(value, edge=None) -> Tensor:
    """A new tensor with a storage of its own."""
    made = _new(Tensor)
    if _store is Storage:  # what `Storage(value)` would make, in half the time
        made._storage = storage = _new(Storage)
        storage.value = value
        storage.version = storage.writes = 0
    else:
        made._storage = _store(value)
    made._view = made._base = made._grad = made._counter = None
    made._edge = edge
    return made


def apply(call, inputs, place=None):
    """Run one call on tensors (and numbers, as Values). Returns a Tensor, or a tuple of them.

    Hot path. `inputs` is a tuple; the results require grad if one of the inputs does and grad mode is on.
    """
    values, edges, numbers, wants, viewed = [], [], (), False, False
    for t in inputs:
        if t.__class__ is Value:
            values.append(t)
            edge = None
            if t.type.number:
                numbers += (t,)
        elif t._view is None:
            values.append(t._storage.value)
            edge = t._edge
        else:
            values.append(t._view.read(t._storage))
            edge = t._edge
            if edge is None and t._base is not None and t._view.type.differentiable:
                edge = t._base._edge
            viewed = True
        edges.append(edge)
        if edge is not None:
            wants = True
    here = local.__dict__  # each attribute of a `threading.local` takes three times as long as another object's
    trace = here["trace"]
    if not wants or not here["grad"]:
        position, out = (trace if place is None else trace_of(place)).record(call, values)
        return wrap(out) if position.single else tuple([wrap(v) for v in out])
    if trace.updated:  # a hand-written loop has updated its parameters: this line begins the next step
        trace.flush("step")
    if _inferred:
        _refuse_inference(call, values, edges)
    try:
        position, out = trace.record(call, values)
    except Exception:
        if viewed:  # PyTorch works the histories out before it looks at shapes: their errors come first
            _histories(inputs)
        raise
    call = position.call  # what autocast made of it
    if viewed and any(t.differentiable for t in position.types):  # else PyTorch works no history out
        edges = _histories(inputs)
    if not position.single:
        return _tracked(call, values, edges, position, out)
    edge = None
    if position.out.differentiable:
        if Node is graph.Node:  # what `Node(...)` would make, in two thirds of the time
            edge = _new(Node)
            edge.call, edge.edges, edge.position = call, edges, position
            edge.in_types, edge.out_types = position.in_types, position.types
            edge.inputs = numbers if call.linear else values
            edge.number, edge.hooks = next(ticks), None
        else:
            edge = Node(call, numbers if call.linear else values, position.in_types, position.types, edges, position)
        edge.outputs = (out,) if call.keep_result else None
    return wrap(out, edge)


def _histories(inputs):
    return [None if t.__class__ is Value else t._history() for t in inputs]


def _refuse_inference(call, values, edges):
    """Raise where backward would need a value that was made in inference mode."""
    made = [i for i, v in enumerate(values) if v.mark is graph.INFERENCE]
    if made and not call.linear:
        saved = call.saved(tuple([v.type for v in values]), [edge is not None for edge in edges])
        for i in [i for i in made if i in saved]:
            raise graph.overwritten(values[i])


def _tracked(call, values, edges, position, out):
    """The results of a call with several outputs, sharing one node."""
    saved = [v for v in values if v.type.number] if call.linear else values
    node = Node(call, saved, position.in_types, position.types, edges, position)
    if call.keep_result:
        node.outputs = tuple([v for v in out if v.type.differentiable])
    return tuple([wrap(v, edge_of(node, nr) if v.type.differentiable else None) for nr, v in enumerate(out)])


def requiring(tensor):
    """The tensor, made by a call that asked for `requires_grad=True`."""
    if not tensor._type.differentiable:
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    return tensor.requires_grad_()


def make_nodes(maker):
    """Let `maker` make the nodes of recorded lines, in place of `graph.Node`."""
    global Node
    Node = maker


def _new_storage(value):
    return (InferenceStorage if local.inference else Storage)(value)


_store, _blocks = Storage, 0
_inferred = False  # inference mode was entered once, in some thread: its values may be about


def _watch_inference(change):
    """While a block of inference mode is open, in any thread, storages are made by `_new_storage`."""
    global _store, _blocks, _inferred
    _blocks += change
    _inferred = True
    _store = _new_storage if _blocks else Storage


watchers.append(_watch_inference)


def _unshared():
    probe = wrap(Value(type_of((), dtypes.float32, CPU), None))
    storage = probe._storage
    return getrefcount(storage)


_ALONE = _unshared()  # references to a storage, this one among them, that only one tensor looks at


def wrap_dim(dim, ndim):
    """A dimension counted from the end made positive. Raises PyTorch's IndexError."""
    n = max(ndim, 1)
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return dim + n if dim < 0 else dim
