"""The Tensor: a way of looking at a storage, with a place in the gradient graph. No mathematics.

`apply` runs one call on tensors: it reads their values, records the line, adds a node to the graph if one of them
wants a gradient, and wraps what comes out. Every op goes through it. The operators and methods that compute are
attached by `jtorch.op`; conversions to Python, NumPy and other types are in `jtorch.convert`.

    Tensor ──> Storage ──> Value (known, or promised by the trace)
       │  └──> View ──> View ...      how this tensor looks at the storage; None: all of it
       └─────> edge                   Node, Output or Leaf; None: wants no gradient
"""

from __future__ import annotations

import warnings
import weakref

from jtorch import engine, geometry, graph
from jtorch.calls import Call
from jtorch.devices import CPU
from jtorch.engine import Value, local, trace_of
from jtorch.grad_mode import watchers
from jtorch.graph import Leaf, Node, Output, edge_of
from jtorch.hooks import Hooks
from jtorch.storage import NO_GRAD, InferenceStorage, Storage, View, strided, write_of

_new = object.__new__


class Tensor:
    """A multi-dimensional array that records what is done to it: values are computed when somebody looks.

    Make one with `torch.tensor`, `torch.zeros`, `torch.from_numpy`, ...

    >>> x = torch.tensor([[1., 2.], [3., 4.]], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([[2., 4.],
            [6., 8.]])
    """

    __slots__ = ("__dict__", "__weakref__", "_base", "_counter", "_edge", "_grad", "_storage", "_view")

    __hash__ = object.__hash__
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
        """(value, edge) as seen now, through the view, with the history of a written-to base worked out again."""
        view = self._view
        if view is None:
            return self._storage.value, self._edge
        return view.read(self._storage), self._history()

    def _history(self):
        """This tensor's place in the gradient graph, worked out again where its base was written to."""
        view, base = self._view, self._base
        if base is not None and view is not None:
            if view.note is not None and base._edge is not None and local.grad and view.noted != (self._counter or self._storage).version:
                raise RuntimeError(view.refusal(self._edge, base=True))
            if view.base_edge is not base._edge:
                self._rebase(base)
        return self._edge

    def _rebase(self, base):
        view = self._view
        view.base_edge = base._edge
        if base._edge is None:
            self._edge = None
            return
        chain, numbers = view.chain(base._view)
        node = Node(chain, tuple(numbers), (base._type, *[n.type for n in numbers]), (view.type,),
                    (base._edge, *[None] * len(numbers)))  # fmt: skip
        self._edge = node

    @property
    def _value(self) -> Value:
        return self._storage.value if self._view is None else self._view.read(self._storage)

    def _look(self):
        """The elements as a read-only NumPy array. A view of something known is read without a program."""
        if self._view is not None and self._view.call.retype is None:
            base = self._storage.value
            if base.array is not None and base.type.place is CPU:
                return strided(base.look(), base.type, self._view.type, self._view.offset)
        return self._value.look()

    def _writable(self, twice=False):
        """Raise PyTorch's error where this tensor must not be written to; `twice` allows cells that show twice."""
        view = self._view
        if self._storage.__class__ is InferenceStorage and not local.inference:
            raise RuntimeError(
                "Inplace update to inference tensor outside InferenceMode is not allowed.You can make a clone to get a normal"
                " tensor before doing inplace update.See https://github.com/pytorch/rfcs/pull/17 for more details."
            )
        if local.grad:
            edge = self._edge if view is None else self._history()
            base = self._base
            if base is not None and view is not None and base._edge is not None:
                if view.note is not None:
                    raise RuntimeError(view.refusal(edge))
                if base._edge.__class__ is LeafGrad:
                    raise RuntimeError(
                        "a view of a leaf Variable that requires grad is being used in an in-place operation."
                    )
            if edge.__class__ is LeafGrad:
                raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")
        if twice:
            return
        if geometry.may_overlap(self.shape, self.stride()) if view is None else view.refuses_write():
            raise RuntimeError(
                "unsupported operation: more than one element of the written-to tensor refers to a single memory"
                " location. Please clone() the tensor before performing the operation."
            )

    def _assign(self, value, edge):
        """Take a new value of the same type, through the view if this is one, with its history."""
        storage, view = self._storage, self._view
        old = storage.value
        if value.mark is graph.INFERENCE and old.mark is not graph.INFERENCE:
            value = engine.record(_SAME, (value,))[1]  # a normal tensor stays one
        if view is None:
            storage.write(value, self._counter or storage)
            if local.grad:
                self._edge = edge
            if self._edge is not None:
                _sign(old, self)
            return
        if edge is not None and view.note is not None and self._base is not None:
            raise RuntimeError(view.refusal(self._edge))
        chain, numbers = view.chain()
        base = self._base
        base_edge = base._edge if base is not None and local.grad else None
        node = None
        if base is not None and (edge is not None or base_edge is not None):
            own, given = (chain, numbers) if base._view is None else view.chain(base._view)
            node = Node(write_of(own), tuple(given), (base._type, value.type, *[n.type for n in given]), (base._type,),
                        (base_edge, edge, *[None] * len(given)))  # fmt: skip
        new = engine.record(write_of(chain), (storage.value, value, *numbers))[1]
        if node is not None:
            base._edge = node
        elif base is None and local.grad:
            self._edge = edge
        storage.write(new, self._counter or storage)
        if base is not None and base._edge is not None:
            _sign(old, base)
        if value.type is view.type:
            view.value, view.writes = value, storage.writes
            if storage.value.mark is None:
                storage.value.mark = []
            value.mark = storage.value.mark
        if base is not None and not local.grad:
            view.base_edge = base._edge

    def _make_view(self, call, numbers=()):
        """The tensor that looks at this one through a view call."""
        view = self._view
        t = self._type
        type, offset = call.layout(t, 0 if view is None else view.offset, numbers)
        if t.place is engine.TRACED:
            return apply(call, (self, *numbers))
        made = _new(Tensor)
        made._storage = self._storage
        made._counter = self._counter
        made._grad = None
        made._base = base = self if self._base is None else self._base
        made._view = looked = View(view, call, numbers, type, offset)
        edge = self._edge if view is None else self._history()
        looked.base_edge = base._edge
        if view is not None and view.note is not None:
            looked.note = view.note if view.note is NO_GRAD else (0, call.named.removesuffix("Backward0"))
        elif not local.grad:
            looked.note = NO_GRAD
        if looked.note is not None:
            looked.noted = (self._counter or self._storage).version
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
    def requires_grad(self):
        """Whether backward will collect or pass on a gradient here."""
        return (self._edge if self._view is None else self._history()) is not None

    @requires_grad.setter
    def requires_grad(self, on):
        if on and not self._type.differentiable:
            raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
        self.requires_grad_(on)

    def requires_grad_(self, requires_grad=True):
        """Collect gradients in `.grad` from now on (a leaf only). Returns self."""
        if not requires_grad:
            if self._edge is not None and self._edge.__class__ is not LeafGrad:
                raise RuntimeError(
                    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable"
                    " in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
                )
            self._edge = None
        elif self._edge is None:
            if not self._type.differentiable:
                raise RuntimeError("only Tensors of floating point dtype can require gradients")
            if self._storage.__class__ is InferenceStorage and not local.inference:
                raise RuntimeError("Setting requires_grad=True on inference tensor outside InferenceMode is not allowed.")
            self._edge = LeafGrad(self)
        return self

    @property
    def is_leaf(self):
        """Whether it was made by the user, not by a differentiable operation."""
        edge = self._history()
        return edge is None or edge.__class__ is LeafGrad

    @property
    def output_nr(self):
        edge = self._history()
        return edge.nr if edge.__class__ is Output else 0

    @property
    def grad(self):
        """The gradient that backward collected, or None."""
        if self._grad is None and self._edge is not None and not self.is_leaf and not self.retains_grad:
            warnings.warn(_NON_LEAF_GRAD, stacklevel=2)
        return self._gradient()

    def _gradient(self):
        """`.grad` without the warning. A remembered walk leaves the bare Value, which most steps never look at."""
        grad = self._grad
        if grad.__class__ is Value:
            grad = self._grad = wrap(grad)
        return grad

    @grad.setter
    def grad(self, grad):
        if grad is not None:
            if not isinstance(grad, Tensor):
                raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(grad).__name__}")
            if grad is self:
                raise RuntimeError("can't assign Variable as its own grad")
            mine, theirs = self._type, grad._type
            if theirs.dtype is not mine.dtype:
                raise RuntimeError(
                    f"attempting to assign a gradient with dtype '{theirs.dtype.cname}' to a tensor with grad_dtype"
                    f" '{mine.dtype.scalar_name}'. The gradient must match the tensor's grad_dtype (defaults to the"
                    " tensor's dtype). You can set the tensor's grad_dtype attribute with a specific dtype, or None to"
                    " allow any dtype. Set grad_dtype with caution. Diverging the dtypes of a tensor and its gradient"
                    " may break downstream systems that assume they match."
                )
            if theirs.place is not mine.place:
                raise RuntimeError(
                    f"attempting to assign a gradient with device type '{grad.device.type}' to a tensor with device type"
                    f" '{self.device.type}'. Please ensure that the gradient and the tensor are on the same device"
                )
            if theirs.shape != mine.shape:
                raise RuntimeError(
                    f"attempting to assign a gradient of size '{list(theirs.shape)}' to a tensor of size"
                    f" '{list(mine.shape)}'. Please ensure that the gradient and the tensor are the same size"
                )
        self._grad = grad

    @grad.deleter
    def grad(self):
        self._grad = None

    def detach(self):
        """The same memory without history: writes are seen by both, gradients stop here."""
        return self._alias()

    def detach_(self):
        """Forget this tensor's history. Returns self."""
        if self._base is not None:
            raise RuntimeError(
                "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for"
                " training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence"
                " detach_() cannot be called on these gradients. To fix this error, please refer to the"
                " Optimizer.zero_grad() function in torch/optim/optimizer.py as the solution."
            )
        self._edge = None
        return self

    @property
    def data(self):
        """The same memory without history; autograd does not see writes made through it."""
        made = self._alias()
        made._counter = _Counter()
        return made

    @data.setter
    def data(self, other):
        if not isinstance(other, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(other).__name__}")
        if self._edge is not None and not other._type.differentiable:
            raise RuntimeError("data set to a tensor that requires gradients must be floating point or complex dtype")
        version = (self._counter or self._storage).version
        self._storage = other._storage
        self._view = other._view
        self._counter = _Counter(version)
        self._base = None

    @property
    def _version(self):
        if self._storage.__class__ is InferenceStorage:
            raise RuntimeError("Inference tensors do not track version counter.")
        return (self._counter or self._storage).version


def _sign(old, tensor):
    """Note in an overwritten value which tensor moved on: an error says what made that tensor."""
    node, nr = graph.source(tensor._edge)
    if node.__class__ is not LeafGrad and old.mark:
        old.mark.append(_Writer(weakref.ref(tensor), node.call, node.in_types, nr, old.type))


class _Writer:
    """Tells what made a tensor that was written to: (node's name, output number). Holds no node."""

    __slots__ = ("call", "in_types", "nr", "tensor", "type")

    def __init__(self, tensor, call, in_types, nr, type):
        self.tensor, self.call, self.in_types, self.nr, self.type = tensor, call, in_types, nr, type

    def __call__(self, value):
        if value.type is not self.type:
            return "AsStridedBackward0", 0  # a view of it
        tensor = self.tensor()
        if tensor is not None and tensor._edge is not None:
            node, nr = graph.source(tensor._edge)
            return node.name(), nr
        return None if self.call is None else (self.call.grad_fn(self.in_types), self.nr)


_SAME = Call(lambda x: x, name="same", saves=(), strides=lambda types, shapes: [types[0].strides])


class _Counter:
    """A version count of its own, for tensors whose writes autograd does not see."""

    __slots__ = ("version",)

    def __init__(self, version=0):
        self.version = version


_NON_LEAF_GRAD = (
    "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute won't be "
    "populated during autograd.backward(). If you indeed want the .grad field to be populated for a non-leaf Tensor, "
    "use .retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by mistake, make sure you access "
    "the leaf Tensor instead. See github.com/pytorch/pytorch/pull/30531 for more information."
)


class LeafGrad(Leaf):
    """Collects one leaf's gradient into its `.grad`. Holds the tensor weakly."""

    __slots__ = ("after", "hooks", "tensor")

    def __init__(self, tensor):
        self.tensor = weakref.ref(tensor)
        self.hooks = Hooks()
        self.after = Hooks()

    def hooked(self, grad, walk):
        for hook in list(self.hooks.values()):
            seen = hook(walk.wrap(grad))
            if seen is not None:
                grad = walk.unwrap(seen)
        return grad

    def plain(self):
        tensor = self.tensor()
        return None if tensor is None or tensor._grad is not None or self.hooks or self.after else tensor

    def watched(self):
        return self.hooks or self.after

    def collect(self, grad, walk):
        tensor = self.tensor()
        if tensor is None:
            return
        if self.hooks:
            grad = self.hooked(grad, walk)
        before = tensor._gradient()
        if before is None:
            tensor._grad = _as_tensor(grad, walk)
        elif walk.create_graph:
            tensor._grad = before + _as_tensor(grad, walk)
        else:
            value = grad._value if isinstance(grad, Tensor) else grad
            before._assign(graph._add(before._value, value), before._edge)
        for hook in list(self.after.values()):
            hook(tensor)


def _as_tensor(grad, walk):
    if not isinstance(grad, Tensor):
        return wrap(grad, None)
    return grad if walk.create_graph else grad.detach()


def wrap(value, edge=None) -> Tensor:
    """A new tensor with a storage of its own."""
    made = _new(Tensor)
    made._storage = _store(value)
    made._view = made._base = made._grad = made._counter = None
    made._edge = edge
    return made


def apply(call, inputs, place=None):
    """Run one call on tensors (and numbers, as Values). Returns a Tensor, or a tuple of them.

    Hot path. `inputs` is a tuple; the results require grad if one of the inputs does and grad mode is on.
    """
    values, edges, wants = [], [], False
    for t in inputs:
        if t.__class__ is Value:
            values.append(t)
            edges.append(None)
            continue
        if t._view is None:
            values.append(t._storage.value)
            edge = t._edge
        else:
            value, edge = t._read()
            values.append(value)
        edges.append(edge)
        if edge is not None:
            wants = True
    trace = local.trace
    if wants and local.grad:
        if trace.updated:  # a hand-written loop has updated its parameters: this line begins the next step
            trace.flush("step")
        position, out = trace.record(call, values)
        call = position.call  # what autocast made of it
        if not position.single:
            return _tracked(call, values, edges, position, out)
        edge = None
        if position.out.differentiable:
            saved = [v for v in values if v.type.number] if call.linear else values
            edge = Node(call, saved, position.in_types, position.types, edges, position)
            if call.keep_result:
                edge.outputs = (out,)
    else:
        if place is not None:
            trace = trace_of(place)
        position, out = trace.record(call, values)
        if not position.single:
            return tuple([wrap(v) for v in out])
        edge = None
    made = _new(Tensor)
    made._storage = _store(out)
    made._view = made._base = made._grad = made._counter = None
    made._edge = edge
    return made


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


def _watch_inference(change):
    """While a block of inference mode is open, in any thread, storages are made by `_new_storage`."""
    global _store, _blocks
    _blocks += change
    _store = _new_storage if _blocks else Storage


watchers.append(_watch_inference)


def wrap_dim(dim, ndim):
    """A dimension counted from the end made positive. Raises PyTorch's IndexError."""
    n = max(ndim, 1)
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return dim + n if dim < 0 else dim
