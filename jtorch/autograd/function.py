"""`torch.autograd.Function`: an operation whose gradient the user writes.

`forward` runs once and records no graph. One node represents all of it; its `pull` calls the user's `backward`. Both
methods get the context, which is also what `grad_fn` shows. It holds the node's edges and the saved tensors. It never
holds the results, because a reference cycle would keep promised values alive.
"""

from __future__ import annotations

import functools
import inspect
import warnings
import weakref

from jtorch.autograd.graph import packed_by_hooks
from jtorch.core.engine import lifted_by, local
from jtorch.core.grad import (
    FREED,
    INFERENCE,
    RELEASED,
    GradNode,
    Leaf,
    NodeHooks,
    edge_of,
    last_mark,
    no_grad,
    overwritten,
)
from jtorch.core.methods import check_tangent_view, check_written_tangent
from jtorch.core.ops.make.create import zeros
from jtorch.core.tensor import Batch, Dual, ShownNode, Tensor, next_function, wrap, write_of, zeros_of

_CUSTOM = (
    " This view was created inside a custom Function (or because an input was "
    "returned as-is) and the autograd logic to handle view+inplace would override the custom backward associated with "
    "the custom Function, leading to incorrect gradients. This behavior is forbidden. You can fix this by cloning the "
    "output of the custom Function."
)


class FunctionCtx:
    """The context: what `forward` passes to `backward`."""

    def save_for_backward(self, *tensors):
        """Keep tensors (or None) for `backward`, which reads them from `ctx.saved_tensors`.

        Reading raises an error if one of them was overwritten in the meantime.
        """
        self.to_save = tensors

    def save_for_forward(self, *tensors):
        """Keep tensors for `jvp`."""
        for t in tensors:
            if t is not None and not isinstance(t, Tensor):
                raise AssertionError(
                    "save_for_forward expects all arguments to be tensors; you should save non-tensors as attributes on ctx."
                )
        self._saved_for_forward = tensors

    def mark_dirty(self, *args):
        """Name the inputs that `forward` wrote to. They must be among the outputs."""
        self._dirty = args

    def mark_non_differentiable(self, *args):
        """Name the outputs that need no gradient."""
        self._non_differentiable = args

    def set_materialize_grads(self, value):
        """Choose what `backward` gets for an output that was not used: zeros (True, the default) or None."""
        self._materialize = bool(value)


class BackwardCFunction(ShownNode, FunctionCtx):
    """The context of one call of `apply`, which is also the node that users see."""

    _materialize = _materialize_non_diff_grads = True
    _dirty = _non_differentiable = to_save = _saved_for_forward = ()
    __slots__ = ("__dict__",)

    def __init__(self):
        self._hooks = NodeHooks()
        self._edges = ()
        self._saved = None
        self._metadata = {}

    def __getattr__(self, name):
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    @property
    def _node(self):
        return self

    edges = property(lambda self: self._edges)
    call = None
    metadata = property(lambda self: self._metadata)
    in_types = property(lambda self: self._in_types)
    out_types = property(lambda self: self._out_types)
    number = property(lambda self: self._number)

    def made_hooks(self):
        return self._hooks

    def _materializes(self, nr):
        """Whether `backward` gets zeros where output `nr` has no gradient."""
        return self._materialize and (self._materialize_non_diff_grads or self._connected_outputs[nr])

    @property
    def next_functions(self):
        return tuple([next_function(e) for e, is_tensor in zip(self._edges, self._tensors, strict=True) if is_tensor])

    @property
    def saved_tensors(self):
        """What `save_for_backward` was given."""
        if self._saved is None:
            return self.to_save or self._saved_for_forward
        if self._saved is RELEASED:
            raise RuntimeError(FREED)
        return tuple([None if s is None else s.tensor() for s in self._saved])

    @property
    def saved_variables(self):
        """The old name of `saved_tensors`."""
        warnings.warn("'saved_variables' is deprecated; use 'saved_tensors'", DeprecationWarning, stacklevel=2)
        return self.saved_tensors


class _Saved:
    """A saved tensor: its memory and place in the graph, its version then, and the tensor itself while it is alive."""

    __slots__ = ("counter", "edge", "itself", "memory", "owner", "value", "version")

    def __init__(self, tensor, outputs, owner):
        self.value, self.edge = tensor._read()
        self.owner = self.itself = None
        self.memory, self.counter = tensor._alias(), tensor._counter or tensor._storage
        self.version = self.counter.version
        if self.value.mark is None:
            self.value.mark = []  # so that a later write to the tensor is noted
        for nr, out in enumerate(outputs):
            if out is tensor:  # an output holds its node, so hold neither of them
                self.edge, self.owner = nr, weakref.ref(owner)
                return
        self.itself = weakref.ref(tensor)

    def tensor(self):
        if (self.counter.version != self.version or self.value.mark is INFERENCE) and not local.mutable:
            made_by = (self.owner().name(), self.edge) if self.owner is not None else None
            raise overwritten(self.value, made_by, mark=last_mark(self.value.mark) or [self.counter, self.version])
        value = self.value if local.mutable else self.memory._value
        if self.owner is not None:
            return wrap(value, edge_of(self.owner(), self.edge) if self.edge is not None else None)
        tensor = self.itself()
        if tensor is not None and (tensor._value is self.value or not local.mutable):
            return tensor
        return wrap(value, self.edge)


class _PackedSaved(_Saved):
    """A saved tensor that hooks have packed: it is what they unpack, at its place in the graph."""

    __slots__ = ("packed",)

    def __init__(self, tensor, outputs, owner, packed):
        super().__init__(tensor, outputs, owner)
        self.packed, self.value, self.memory, self.itself = packed, None, None, None

    def tensor(self):
        found = self.packed.tensor()
        edge = self.edge
        if self.owner is not None:
            edge = edge_of(self.owner(), edge) if edge is not None else None
        return found if edge is None else wrap(found._value, edge)


def _saved_tensor(tensor, outputs, owner):
    packed = packed_by_hooks(tensor)
    return _Saved(tensor, outputs, owner) if packed is None else _PackedSaved(tensor, outputs, owner, packed)


class FunctionNode(GradNode):
    """The node of one call of `apply`."""

    __slots__ = ("ctx",)

    def __init__(self, ctx, in_types, out_types, edges):
        super().__init__(None, (), in_types, out_types, edges)
        self.ctx = ctx
        self.hooks = ctx._hooks
        ctx._edges, ctx._in_types, ctx._out_types, ctx._number = edges, in_types, out_types, self.number

    def name(self):
        return type(self.ctx).__name__

    def shown(self):
        return self.ctx

    def release(self):
        if self.ctx._saved:
            self.ctx._saved = RELEASED

    def pull(self, cotangents, needs, carrier):
        ctx = self.ctx
        given = [
            carrier.wrap(c)
            if c is not None
            else zeros_like_type(t)
            if t is not None and ctx._materializes(nr)
            else None
            for nr, (c, t) in enumerate(zip(cotangents, self.out_types, strict=True))
        ]
        grads = ctx._forward_cls._backward()(ctx, *given)
        grads = grads if isinstance(grads, tuple) else tuple(grads) if isinstance(grads, list) else (grads,)
        full = self._checked(grads)
        return [None if g is None else carrier.unwrap(g) for g, need in zip(full, needs, strict=True) if need]

    def _checked(self, grads):
        """One gradient for each input, in the input's shape and dtype. Raises PyTorch's errors."""
        ctx, name = self.ctx, self.name()
        expected = len(ctx._edges)
        if len(grads) > expected and all(g is None for g in grads[expected:]):
            grads = grads[:expected]
        if len(grads) != expected:
            raise RuntimeError(
                f"function {name} returned an incorrect number of gradients (expected {expected}, got {len(grads)})"
            )
        full = []
        for i, (grad, is_tensor, edge, type) in enumerate(
            zip(grads, ctx._tensors, ctx._edges, self.in_types, strict=True)
        ):
            if grad is not None and not is_tensor:
                raise RuntimeError(
                    f"function {name} returned a gradient different than None at position {i + 1}, but the corresponding"
                    " forward input was not a Variable"
                )
            if grad is not None and not isinstance(grad, Tensor):
                raise RuntimeError(f"expected Variable or None (got {grad.__class__.__name__})")
            full.append(None if grad is None or edge is None else _fitted(grad, type, i, name))
        return full


def _fitted(grad, type, i, name):
    """A gradient in the shape and dtype of the input it belongs to."""
    if grad.shape != type.shape:
        lead = grad.ndim - type.ndim
        if lead < 0 or any(m not in (1, n) for m, n in zip(type.shape, grad.shape[lead:], strict=True)):
            raise RuntimeError(
                f"Function {name} returned an invalid gradient at index {i} - got {list(grad.shape)} but expected shape"
                f" compatible with {list(type.shape)}"
            )
        grad = grad.sum_to_size(*type.shape)
    if grad.dtype is not type.dtype:
        grad = (grad.real if grad.dtype.is_complex and not type.dtype.is_complex else grad).to(type.dtype)
    return grad


def zeros_like_type(type):
    return zeros(type.shape, dtype=type.dtype, device=type.place.device)


class FunctionMeta(type):
    """Makes the class of contexts that belongs to each Function: `Sq` -> `SqBackward`."""

    def __init__(cls, name, bases, body):
        super().__init__(name, bases, body)
        cls._backward_cls = type(name + "Backward", (BackwardCFunction,), {"_forward_cls": cls})
        cls._backward_cls.__module__ = "torch.autograd.function"  # as PyTorch prints it


class Function(metaclass=FunctionMeta):
    """An operation with a gradient of its own: subclass it, and call `apply`.

    `forward(ctx, *args)` computes the result; `backward(ctx, *grad_outputs)` returns a gradient, or None, for each argument.
    If `setup_context(ctx, inputs, output)` is defined, forward takes only the arguments. Two more methods are optional:
    `jvp(ctx, *tangents)` returns the tangents of the outputs, and `vmap(info, in_dims, *args)` returns (outputs, out_dims).
    Without them, forward-mode derivatives and `torch.func.vmap` follow `forward` line by line.

    >>> class Exp(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         y = x.exp()
    ...         ctx.save_for_backward(y)
    ...         return y
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         y, = ctx.saved_tensors
    ...         return grad * y
    >>> x = torch.zeros(1, requires_grad=True)
    >>> Exp.apply(x)
    tensor([1.], grad_fn=<ExpBackward>)
    """

    generate_vmap_rule = False

    def __init__(self, *args, **kwargs):
        warnings.warn(
            f"{self.__class__} should not be instantiated. "
            "Methods on autograd functions are all static, so you should invoke them on the class itself. "
            "Instantiating an autograd function will raise an error in a future version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args, **kwargs):
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use new-style autograd function"
            " with static forward method. (Example: https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @staticmethod
    def forward(*args, **kwargs):
        """Compute the outputs."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx, inputs, output):
        """Fill the context, if forward does not take it."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx, *grad_outputs):
        """The gradients of the arguments."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function to use it with backward mode AD."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx, *grad_inputs):
        """The tangents of the outputs."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with forward mode AD."
        )

    @staticmethod
    def vmap(info, in_dims, *args):
        """(outputs, out_dims) for arguments with a batch."""
        raise NotImplementedError(
            "To use autograd.Function with vmap, you must either override the vmap staticmethod or set generate_vmap_rule=True."
        )

    @classmethod
    def _backward(cls):
        if cls.backward is not Function.backward and cls.vjp is not Function.vjp:
            raise RuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You should only implement one of them."
            )
        return cls.vjp if cls.vjp is not Function.vjp else cls.backward

    @classmethod
    def apply(cls, *args, **kwargs):
        """Run forward on the arguments. Backward runs when a gradient arrives."""
        level = _innermost(args)
        if isinstance(level, Batch) and cls.vmap is not Function.vmap:
            return _apply_vmap_rule(cls, level, args)
        if isinstance(level, Dual):
            return _apply_jvp_rule(cls, level, args)
        return _applied(cls, args, kwargs)[0]


def _applied(cls, args, kwargs):
    """(the results of forward as users get them, the context)."""
    own_setup = cls.setup_context is not Function.setup_context
    if own_setup and (kwargs or getattr(cls.forward, "__defaults__", None)):
        bound = inspect.signature(cls.forward).bind(*args, **kwargs)
        bound.apply_defaults()
        args, kwargs = bound.args, {}
    elif kwargs:
        raise TypeError(f"{cls.__name__}.apply() takes no keyword arguments")
    ctx = cls._backward_cls()
    ctx._tensors = tuple([isinstance(a, Tensor) for a in args])
    edges = tuple([a._history() if isinstance(a, Tensor) and local.grad else None for a in args])
    ctx.needs_input_grad = tuple([e is not None for e in edges])
    with no_grad():
        if own_setup:
            result = cls.forward(*args)
            cls.setup_context(ctx, args, result)
        else:
            result = cls.forward(ctx, *args)
    single = not isinstance(result, tuple)
    results = (result,) if single else result
    made = _connected(ctx, args, edges, results) if True in ctx.needs_input_grad else _unconnected(ctx, args, results)
    return (made[0] if single else tuple(made)), ctx


def _unconnected(ctx, args, results):
    """The results if no gradient is needed. An input that forward returned unchanged comes back as a view of itself."""
    ctx._saved = []
    made = [
        r.view_as(r)
        if isinstance(r, Tensor) and any(r is a for a in args) and not any(r is d for d in ctx._dirty)
        else r
        for r in results
    ]
    if local.grad:  # a write to such a view could need a gradient later, as in _output
        for r in made:
            if isinstance(r, Tensor) and r._view is not None and any(r._base is a for a in args):
                r._view.at, r._view.note = r._version, _CUSTOM
    return made


def _connected(ctx, args, edges, results):
    """The results, connected to the node of this Function."""
    tensors = [r for r in results if isinstance(r, Tensor)]
    for d in ctx._dirty:
        if not any(d is r for r in tensors):
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as output. "
                "The inputs that are modified inplace must all be outputs of the Function."
            )
    in_types = tuple([a._type if isinstance(a, Tensor) else None for a in args])
    node = FunctionNode(ctx, in_types, tuple([r._type if isinstance(r, Tensor) else None for r in results]), edges)
    if ctx.to_save:
        for t in ctx.to_save:
            if t is not None and not isinstance(t, Tensor):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument 0 is of type {type(t).__name__}"
                )
        saved = [None if t is None else _saved_tensor(t, results, node) for t in ctx.to_save]
    else:
        saved = []
    made = [_output(ctx, node, nr, r, args) if isinstance(r, Tensor) else r for nr, r in enumerate(results)]
    ctx._connected_outputs = [isinstance(r, Tensor) and r._edge is not None for r in made]
    for s in saved:  # a saved output that needs no gradient has no history
        if s is not None and s.owner is not None and made[s.edge]._edge is None:
            s.edge = None
    ctx._saved, ctx.to_save = saved, ()
    return made


def _output(ctx, node, nr, tensor, args):
    """One result, connected to the node."""
    is_input = any(tensor is a for a in args)
    plain = any(tensor is n for n in ctx._non_differentiable) or not tensor._type.differentiable
    if any(tensor is d for d in ctx._dirty):
        return _dirtied(node, nr, tensor)
    if is_input:
        with no_grad():
            tensor = tensor.view_as(tensor)
    if plain:
        return tensor
    tensor._edge = edge_of(node, nr)
    if tensor._view is not None and tensor._base is not None:
        tensor._view.at, tensor._view.note = tensor._version, _CUSTOM
    return tensor


def _dirtied(node, nr, tensor):
    """Connect an input that forward wrote to: its history continues through the node."""
    edge = tensor._history()
    (tensor._counter or tensor._storage).version += 1
    if isinstance(edge, Leaf):
        raise RuntimeError("a leaf Variable that requires grad has been used in an in-place operation.")
    base = tensor._base
    if tensor._view is None or base is None:
        tensor._edge = edge_of(node, nr)
        return tensor
    if tensor._view.note is not None:
        raise RuntimeError(tensor._refusal())
    chain, numbers = tensor._view.chain(base._view)
    base._edge = GradNode(
        write_of(chain),
        tuple(numbers),
        (base._type, tensor._type, *[n.type for n in numbers]),
        (base._type,),
        (base._edge, edge_of(node, nr), *[None] * len(numbers)),
    )
    return tensor


# ---- inside vmap and jvp


def _innermost(args):
    return lifted_by([a._value for a in args if isinstance(a, Tensor)])


class VmapInfo:
    """The first argument of a Function's `vmap`: the size of the batch, and how random numbers are drawn in it."""

    def __init__(self, batch_size, randomness):
        self.batch_size = batch_size
        self.randomness = randomness


def _apply_vmap_rule(cls, level, args):
    dims = tuple([0 if isinstance(a, Tensor) and level.owns(a._value) else None for a in args])
    bare = [a if d is None else level.lower(a) for a, d in zip(args, dims, strict=True)]
    result, out_dims = cls.vmap(VmapInfo(level.size, level.randomness), dims, *bare)
    if not isinstance(result, tuple):
        return level.lift(result, out_dims) if out_dims is not None else result
    out_dims = out_dims if isinstance(out_dims, tuple) else (out_dims,) * len(result)
    return tuple([r if d is None else level.lift(r, d) for r, d in zip(result, out_dims, strict=True)])


def _may_vary(value):
    return isinstance(value, Tensor) and value._type.differentiable


def _apply_jvp_rule(cls, level, args):
    pairs = [level.lower(a) if isinstance(a, Tensor) else (a, None) for a in args]
    result, ctx = _applied(cls, [p for p, _ in pairs], {})
    dirty = [next(i for i, (p, _) in enumerate(pairs) if p is d) for d in ctx._dirty]
    if ctx._materialize:
        pairs = [(p, zeros_of(p) if t is None and _may_vary(p) else t) for p, t in pairs]
    versions = [t._version if isinstance(t, Tensor) else 0 for _, t in pairs]
    for_backward = ctx._saved
    ctx._saved = [_Saved(t, (), None) for t in ctx._saved_for_forward]
    try:
        tangents = cls.jvp(ctx, *[t for _, t in pairs])
    finally:
        ctx._saved = for_backward
    results = result if isinstance(result, tuple) else (result,)
    tangents = tangents if isinstance(tangents, tuple) else (tangents,)
    if len(tangents) != len(results):
        raise RuntimeError(f"{cls.__name__}: jvp returned {len(tangents)} tangents for {len(results)} outputs")
    made = []
    for nr, (out, tangent) in enumerate(zip(results, tangents, strict=True)):
        at = next((i for i, (p, _) in enumerate(pairs) if p is out), None)
        if not _may_vary(out) or any(out is n for n in ctx._non_differentiable):
            if tangent is not None:
                raise RuntimeError(
                    f"Function's jvp returned a gradient at position {nr}, but  the corresponding forward output is not a"
                    " differentiable Tensor.You should return None at that position instead."
                )
            made.append(out)
        elif at is not None and at in dirty:
            check_written_tangent(pairs[at][1], tangent, versions[at])
            made.append(args[at].copy_(level.lift(out, tangent)))
        else:
            check_tangent_view(args, pairs, out, tangent)
            made.append(level.lift(out, zeros_of(out) if tangent is None else tangent))
    return tuple(made) if isinstance(result, tuple) else made[0]


# ---- decorators and old forms


def once_differentiable(fn):
    """Mark a `backward` that cannot be differentiated itself. An attempt raises an error."""

    @functools.wraps(fn)
    def wrapper(ctx, *args):
        with no_grad():
            outputs = fn(ctx, *args)
        if not local.grad or not any(isinstance(a, Tensor) and a.requires_grad for a in args):
            return outputs
        single = not isinstance(outputs, tuple)
        refused = [_refusing(o) if isinstance(o, Tensor) else o for o in ((outputs,) if single else outputs)]
        return refused[0] if single else tuple(refused)

    return wrapper


class _Refusal(GradNode):
    """The node of a result that must not be differentiated."""

    __slots__ = ()

    def name(self):
        return "torch::autograd::Error"

    def pull(self, cotangents, needs, carrier):
        raise RuntimeError("trying to differentiate twice a function that was marked with @once_differentiable")


def _refusing(tensor):
    made = tensor.detach()
    if made._type.differentiable:
        made._edge = _Refusal(None, (), (made._type,), (made._type,), (GradNode(None, (), (), (), ()),))
    return made


class InplaceFunction(Function):
    """PyTorch's old base class for Functions that may work in place."""

    def __init__(self, inplace=False):
        self.inplace = inplace


class NestedIOFunction(Function):
    """PyTorch's old base class for nested arguments. A subclass raises NotImplementedError."""

    def __init_subclass__(cls, **kwargs):
        raise NotImplementedError("torch.autograd.function.NestedIOFunction")


def traceable(fn_cls):
    """Return the class: this old mark has no effect any more."""
    return fn_cls
