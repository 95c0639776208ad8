"""The Tensor: a storage, a view of it, and an edge of the gradient graph. No mathematics.

`apply` runs one call on tensors: it reads their values, records the line, adds a node to the graph if one of them requires
grad, and wraps the results. Every op goes through it. Other files give Tensor more attributes by `part_of_tensor`: how it is
written to, converted, printed and so on; `jtorch.core.op.op` adds the methods that compute.

    Tensor ──> Storage ──> Value (known, or promised by the trace)
       │  └──> View ──> View ...      the part of the storage that this tensor shows; None: all of it
       └─────> edge                   GradNode, Output or Leaf; None: does not require grad
"""

from __future__ import annotations

from types import FunctionType

from jtorch.core.engine import TRACED, Lifted, Value, local, ticks, trace_of
from jtorch.core.facts import CPU
from jtorch.core.facts import strides as geometry
from jtorch.core.grad import GradNode, Leaf, edge_of, nodes, shown, source
from jtorch.core.tensor.storage import InferenceStorage, Storage
from jtorch.core.tensor.views import IN_INFERENCE, NO_GRAD, View, strided

_new = object.__new__


class _Named(type):
    """Prints Tensor under PyTorch's name; pickles use the name of its module."""

    def __repr__(cls):
        return "<class 'torch.Tensor'>" if cls is Tensor else super().__repr__()


class Tensor(metaclass=_Named):
    """A multi-dimensional array. Operations on it are recorded, and computed when their values are read.

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

    # ---- shape, dtype, device

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
        """The strides that PyTorch would show, in elements."""
        strides = self._type.strides
        return strides if dim is None else strides[wrap_dim(dim, len(strides))]

    def storage_offset(self):
        return self._offset

    def is_contiguous(self, memory_format=None):
        t = self._type
        if memory_format is not None and memory_format.name.startswith("channels_last"):
            return geometry.is_channels_last(t.shape, t.strides)
        return t.contiguous

    # ---- reading

    def _read(self):
        """(value, edge) as of now. Where gradients are recorded, the history of a view is brought up to date first."""
        view = self._view
        if view is None:
            return self._storage.value, self._edge
        return view.read(self._storage), self._history() if local.grad else self._edge

    def _history(self):
        """This tensor's edge. After a write to its memory, the edge of a view is made anew, from that of its base."""
        view, base, edge = self._view, self._base, self._edge
        if base is None or view is None or (base._edge is None and (edge is None or isinstance(edge, Leaf))):
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
        """After a write: make this tensor's edge a view node on top of the base's current edge."""
        chain, numbers = self._view.chain(base._view)
        node = view_node(chain, tuple(numbers), base._type, self._view.type, base._edge)
        self._edge = replace_edge(self._edge, node)

    def _refusal(self, base=False):
        """PyTorch's message for a write that autograd cannot follow: see `View.refusal`."""
        edge = self._edge
        made = None if edge is None or isinstance(edge, Leaf) else source(edge)
        return self._view.refusal(made and (shown(made[0].name()), made[1]), base)

    @property
    def _value(self) -> Value:
        return self._storage.value if self._view is None else self._view.read(self._storage)

    def _to_numpy(self):
        """The elements as a read-only NumPy array. A view of a known array on the CPU needs no program."""
        view = self._view
        if view is not None and view.call.retype is None:
            base = self._storage.value
            while view is not None and view.call.name != "conj":
                view = view.parent
            if view is None and not base.is_promised and base.type.place is CPU:  # no conjugation on the way
                return strided(base.read(), base.type, self._view.type, self._view.offset)
        return self._value.read()

    def _make_view(self, call, numbers=()):
        """A view of this tensor, by a `ViewCall`."""
        view, storage, edge = self._view, self._storage, self._edge
        here = local.__dict__
        grad = here["grad"]
        if view is None:
            t, offset = storage.value.type if storage.__class__ is Storage else storage.type, 0
        else:
            t, offset = view.type, view.offset
            if grad:
                edge = self._history()  # an error here comes before the call's
        type, offset = call.layout(t, offset, numbers)
        made, shown_part = _new(Tensor), View(view, call, numbers, type, offset)
        made._storage, made._counter, made._grad, made._view = storage, self._counter, None, shown_part
        if storage.__class__ is InferenceStorage:
            made._base = made._edge = None  # autograd does not track views of inference tensors
            return made
        made._base = self if self._base is None else self._base
        shown_part.at = (self._counter or storage).version
        if not grad:
            shown_part.note = IN_INFERENCE if here["inference"] else NO_GRAD
        elif view is not None:
            shown_part.note = view.note
        tracks = grad and edge is not None and type.differentiable
        made._edge = view_node(call, numbers, t, type, edge) if tracks else None
        return made

    def _alias(self, cls=None):
        """A tensor of class `cls` with the same storage and view, and no history."""
        made = _new(cls or Tensor)
        made._storage = self._storage
        made._view = self._view
        made._counter = self._counter
        made._base = made._grad = made._edge = None
        return made

    # ---- autograd

    def detach(self):
        """A tensor on the same memory without history: both see later writes, and gradients stop here."""
        storage = self._storage
        if storage.__class__ is Storage and storage.value.__class__ is Lifted:
            return storage.value.level.constant(self)
        if storage.__class__ is Storage and storage.value.type.place is TRACED:
            return self._detached_in_jax()
        return self._alias()


# What may override functions now: "class" once a subclass with a `__torch_function__` was made, "mode" while a mode is on,
# "proxies" while torch.fx traces. While it is empty, no call looks for an override.
OVERRIDERS: set[str] = set()
PLAIN = {Tensor}  # the classes whose instances an op takes as they are: see `jtorch.core.tensor.subclass`


def attach(name, attribute) -> None:
    """Give Tensor an attribute that another file defines; an earlier one of the same name is replaced."""
    setattr(Tensor, name, attribute)


class _Empty:
    """An empty class: its attributes are those that every class has, and no part of Tensor."""


def part_of_tensor(part):
    """Decorate a class whose attributes become Tensor's, so that Tensor can be written in several files.

    >>> from jtorch.core.tensor import part_of_tensor
    >>> @part_of_tensor
    ... class Area:
    ...     def area(self):
    ...         return self.shape[-1] * self.shape[-2]
    >>> torch.ones(3, 4).area()
    12
    >>> del torch.Tensor.area
    """
    for name, attribute in vars(part).items():
        if name not in vars(_Empty):
            if isinstance(attribute, FunctionType):
                attribute.__qualname__ = attribute.__name__
            attach(name, attribute)
    return part


def replace_edge(old, new):
    """`new`, the tensor's new edge; a `retain_grad` request on the old edge moves to it."""
    if new is not None and old is not None and not isinstance(old, Leaf):
        node, nr = source(old)
        if node.hooks is not None and nr in node.hooks.retains:
            after, at = source(new)
            after.made_hooks().retains[at] = node.hooks.retains.pop(nr)
    return new


class Nowhere(Leaf):
    """The edge of a view that was made in `no_grad` of a base that requires grad: gradients that reach it are dropped."""

    __slots__ = ()


NOWHERE = Nowhere()

_make_storage = Storage  # what makes the storages of new tensors
_check_inputs = None  # set while there are tensors of inference mode: raises where a line may not be differentiated


def in_inference(make_storage, check_inputs):
    """Make storages by `make_storage`, and call `check_inputs(call, values, edges)`, unless None, before a line that requires grad."""
    global _make_storage, _check_inputs
    _make_storage, _check_inputs = make_storage, check_inputs


def wrap(value, edge=None) -> Tensor:
    """A new tensor with a storage of its own."""
    made = _new(Tensor)
    if _make_storage is Storage:  # what `Storage(value)` would make, in half the time
        made._storage = storage = _new(Storage)
        storage.value = value
        storage.version = storage.writes = 0
    else:
        made._storage = _make_storage(value)
    made._view = made._base = made._grad = made._counter = None
    made._edge = edge
    return made


def apply(call, inputs, place=None):
    """Run one call on tensors (and numbers, as Values). Returns a Tensor, or a tuple of them.

    Hot path. `inputs` is a tuple; the results require grad if one of the inputs does and grad mode is on.
    """
    values, edges, numbers, viewed = [], [], (), ()
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
            view, storage = t._view, t._storage
            fresh = storage.__class__ is Storage and view.writes == storage.writes
            viewed += (len(values),)
            values.append(view.value if fresh else view.read(storage))
            edge = t._edge
            if edge is None and t._base is not None and view.type.differentiable:
                edge = t._base._edge
        edges.append(edge)
    here = local.__dict__  # each attribute of a `threading.local` takes three times as long as another object's
    trace = here["trace"]
    if not here["grad"] or edges.count(None) == len(edges):
        position, out = (trace if place is None else trace_of(place)).record(call, values)
        return wrap(out) if position.single else tuple([wrap(v) for v in out])
    if trace.updated:  # a hand-written loop has updated its parameters: this line starts the next step
        trace.flush("step")
    if _check_inputs is not None:
        _check_inputs(call, values, edges)
    try:
        position, out = trace.record(call, values)
    except Exception:
        _update_histories(inputs, edges, viewed)  # as PyTorch does before it checks shapes: their errors come first
        raise
    call = position.call  # autocast may have replaced it
    if viewed and any([t.differentiable for t in position.types]):  # noqa: C419 - else PyTorch updates no history
        _update_histories(inputs, edges, viewed)
    if not position.single:
        return _tracked(call, values, edges, position, out)
    edge = None
    if position.out.differentiable:
        if GradNode is nodes.GradNode:  # what `GradNode(...)` would make, in two thirds of the time
            edge = _new(GradNode)
            edge.call, edge.edges, edge.position = call, edges, position
            edge.in_types, edge.out_types = position.in_types, position.types
            edge.inputs = numbers if call.linear else values
            edge.number, edge.hooks = next(ticks), None
        else:
            edge = GradNode(
                call, numbers if call.linear else values, position.in_types, position.types, edges, position
            )
        edge.outputs = (out,) if call.keep_result else None
    elif call.name in {"sum", "nansum", "prod", "cumsum", "cumprod"}:  # PyTorch has a gradient for any dtype of theirs
        raise RuntimeError(f"Autograd not support dtype: {out.type.dtype.scalar_name}")
    return wrap(out, edge)


def _update_histories(inputs, edges, viewed):
    """Bring the edges of the inputs that are views up to date, given by number."""
    for i in viewed:
        edges[i] = inputs[i]._history()


def view_node(call, numbers, base_type, type, edge):
    """The node of a view of a tensor with this type and edge."""
    types, edges = (base_type,), (edge,)
    for n in numbers:
        types, edges = (*types, n.type), (*edges, None)
    if GradNode is not nodes.GradNode:
        return GradNode(call, numbers, types, (type,), edges)
    node = _new(GradNode)  # what `GradNode(...)` would make, in two thirds of the time
    node.call, node.inputs, node.in_types, node.out_types = call, numbers, types, (type,)
    node.edges, node.position, node.number, node.hooks, node.outputs = edges, None, next(ticks), None, None
    return node


def _tracked(call, values, edges, position, out):
    """The results of a call with several outputs, which share one node."""
    saved = [v for v in values if v.type.number] if call.linear else values
    node = GradNode(call, saved, position.in_types, position.types, edges, position)
    if call.keep_result:
        node.outputs = tuple([v for v in out if v.type.differentiable])
    return tuple([wrap(v, edge_of(node, nr) if v.type.differentiable else None) for nr, v in enumerate(out)])


def requiring(tensor):
    """Turn on `requires_grad` for a tensor whose maker was called with `requires_grad=True`."""
    if not tensor._type.differentiable:
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    return tensor.requires_grad_()


def make_nodes(maker):
    """Make the nodes of recorded lines by `maker` instead of the class GradNode."""
    global GradNode
    GradNode = maker


def wrap_dim(dim, ndim):
    """A dimension as a number from 0 on; negative ones count from the end. Raises PyTorch's IndexError."""
    n = max(ndim, 1)
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return dim + n if dim < 0 else dim
