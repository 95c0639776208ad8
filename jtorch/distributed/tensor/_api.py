"""`DTensor`: one tensor in several processes, each of which holds a local tensor. `_dispatch` has what ops do with it.

A DTensor has no memory of its own. Its local tensor is an ordinary tensor with an ordinary history, so the gradient graph and
the program of the step have local tensors only.
"""

from __future__ import annotations

import copy

from jtorch.autograd.function import Function
from jtorch.core.engine import type_of
from jtorch.core.facts import strides
from jtorch.core.grad import grad_enabled, no_grad
from jtorch.core.tensor import Storage, Tensor
from jtorch.distributed._c10d import recording
from jtorch.distributed.device_mesh import DeviceMesh
from jtorch.distributed.tensor import _redistribute
from jtorch.distributed.tensor._layout import local_shape, normalized
from jtorch.distributed.tensor.placement_types import Partial, Replicate, Shard

_NO_VALUE = (
    "this function has no rule for a DTensor, of which this process has a part: use to_local() for that part, or "
    "full_tensor() for all of it"
)


class NoMemory(Storage):
    """The storage of a DTensor. It knows the type of the whole tensor, and raises an error when its value is read."""

    __slots__ = ("type",)

    def __init__(self, type):
        self.type = type
        self.version = self.writes = 0

    @property
    def value(self):
        raise NotImplementedError(_NO_VALUE)


class _ToTorchTensor(Function):
    """The local tensor, under the name that PyTorch's node has."""

    @staticmethod
    def forward(ctx, local):
        return local.detach().view_as(local)

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class _FromTorchTensor(_ToTorchTensor):
    """A local tensor that becomes a DTensor."""


dispatch = None  # function (func, args, kwargs) that runs a function of DTensors; `_dispatch` sets it


def use_dispatch(run) -> None:
    """Let `run(func, args, kwargs)` compute functions of DTensors."""
    global dispatch
    dispatch = run


def made_of(local, mesh, placements, shape) -> DTensor:
    """The DTensor of this shape with this local tensor. Their histories are one."""
    made = object.__new__(DTensor)
    made._local_tensor = local
    made._mesh, made._placements = mesh, tuple(placements)
    made._base = made._view = made._counter = None
    made._describe(shape)
    return made


class DTensor(Tensor):
    """A tensor that is spread over a mesh of processes. `distribute_tensor` and `DTensor.from_local` make them.

    `shape` is that of the whole tensor. Ops compute with the local tensors, and exchange them where they must. An op that has
    no rule gathers its inputs, and every process computes all of the result.

    Attributes:
        device_mesh: the processes.
        placements: one for each dimension of the mesh: `Shard(dim)`, `Replicate()` or `Partial()`.

    Raises:
        RuntimeError: an op with a DTensor and an ordinary tensor that is not a number.
        NotImplementedError: a function that would read all elements here.

    Differs from torch: the gradient of a replicated DTensor is replicated; PyTorch's may be Partial.

    >>> torch.distributed.tensor.DTensor.__name__
    'DTensor'
    """

    __module__ = "jtorch.distributed.tensor"
    _hands_over = True
    _shows_copy = False  # whether PyTorch would have a view here: a write to this copy would be lost

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return dispatch(func, args, kwargs or {})

    def _describe(self, shape):
        local = self._local_tensor
        t = local._type
        if local.is_contiguous():
            order = strides.contiguous_strides(tuple(shape))
        else:
            by_stride = sorted(range(len(shape)), key=lambda d: (-t.strides[d], d))
            order, step = [0] * len(shape), 1
            for d in reversed(by_stride):
                order[d] = step
                step *= max(shape[d], 1)
        self._storage = NoMemory(type_of(tuple(shape), t.dtype, t.place, tuple(order)))

    def _same(self, local):
        """A DTensor with the same shape and placements, and another local tensor."""
        return made_of(local, self._mesh, self._placements, self.shape)

    @property
    def _memory(self):
        return self._local_tensor

    def _around(self, tensor):
        if isinstance(tensor, DTensor):
            return tensor._under(self._placements)
        if tensor.shape != self._local_tensor.shape:
            raise ValueError(
                f"a tensor of shape {tuple(tensor.shape)} for a DTensor of shape {tuple(self.shape)}: give a DTensor, or a "
                f"part of shape {tuple(self._local_tensor.shape)}"
            )
        return self._same(tensor)

    def _of_whole(self, whole):
        with no_grad():
            part = part_here(whole.to(self.device), self._mesh, self._placements)
            for i, p in enumerate(self._placements):
                if not isinstance(p, Shard):
                    part = sent_from_first(part, self._mesh, i)
        return self._same(part)

    device_mesh = property(lambda self: self._mesh)
    placements = property(lambda self: self._placements)

    # ---- from and to local tensors

    @staticmethod
    def from_local(
        local_tensor,
        device_mesh=None,
        placements=None,
        *,
        run_check=False,
        shape=None,
        stride=None,
        grad_placements=None,
    ):
        """The DTensor whose parts are the local tensors of the processes.

        Args:
            placements: one for each dimension of the mesh; default: Replicate.
            shape: that of the whole tensor; None: all parts have the same size.
            run_check: give every process the first one's tensor where it is replicated.
        """
        if grad_placements is not None:
            raise NotImplementedError("DTensor.from_local: grad_placements")
        mesh = mesh_or_current(device_mesh)
        placements = normalized(placements, local_tensor.ndim, mesh)
        sizes = list(local_tensor.shape)
        for i, p in enumerate(placements):
            if isinstance(p, Shard):
                sizes[p.dim] *= mesh.shape[i]
        if shape is not None:
            sizes = list(shape)
            expected = local_shape(mesh, sizes, placements)
            if tuple(local_tensor.shape) != expected:
                raise ValueError(
                    f"DTensor.from_local: a tensor of shape {tuple(sizes)} with {placements} has parts of shape {expected} in this "
                    f"process, and the local tensor has {tuple(local_tensor.shape)}"
                )
        tracked = grad_enabled() and local_tensor.requires_grad
        local = _FromTorchTensor.apply(local_tensor) if tracked else local_tensor.detach()
        if run_check:
            for i, p in enumerate(placements):
                if isinstance(p, Replicate):
                    local = sent_from_first(local, mesh, i)
        return made_of(local, mesh, placements, tuple(sizes))

    def to_local(self, *, grad_placements=None):
        """This process's tensor, with its history.

        Args:
            grad_placements: the placements of the gradient; default: those of the tensor. Partial for a replicated tensor
                means that the gradients of the processes are summed.
        """
        local = self._local_tensor
        if not (grad_enabled() and local.requires_grad):
            return local.detach() if local.requires_grad else local
        for i, (own, of_gradient) in enumerate(zip(self._placements, grad_placements or self._placements, strict=True)):
            if own == of_gradient or isinstance(own, Partial):
                continue
            if not (isinstance(own, Replicate) and isinstance(of_gradient, Partial)):
                raise NotImplementedError(f"DTensor.to_local: {own!r} with a gradient of {of_gradient!r}")
            local = _redistribute.SumGradients.apply(local, self._mesh, i)
        return _ToTorchTensor.apply(local)

    def redistribute(
        self, device_mesh=None, placements=None, *, async_op=False, forward_dtype=None, backward_dtype=None
    ):
        """The same tensor under other placements on its mesh.

        Raises:
            NotImplementedError: another mesh, `forward_dtype` or `backward_dtype`.
            RuntimeError: no placements, or a Partial one that the tensor does not have.
        """
        if device_mesh is not None and device_mesh != self._mesh:
            raise NotImplementedError("DTensor.redistribute: another mesh")
        if placements is None:
            raise RuntimeError("placements is needed for redistribute!")
        if forward_dtype is not None or backward_dtype is not None:
            raise NotImplementedError("DTensor.redistribute: forward_dtype and backward_dtype")
        placements = normalized(placements, self.ndim, self._mesh)
        if any(isinstance(p, Partial) and p != own for p, own in zip(placements, self._placements, strict=True)):
            raise RuntimeError("Can not redistribute to Partial, redistributing to Partial is for internal use only!")
        return self._under(placements)

    def _under(self, placements):
        local = _redistribute.redistributed(self._local_tensor, self._mesh, self.shape, self._placements, placements)
        return made_of(local, self._mesh, placements, self.shape)

    def full_tensor(self, *, grad_placements=None):
        """The whole tensor, in every process."""
        whole = self._under((Replicate(),) * self._mesh.ndim)
        return whole.to_local(grad_placements=grad_placements)

    # ---- gradients

    @property
    def _grad(self):
        return self._local_tensor._grad

    @_grad.setter
    def _grad(self, grad):
        self._local_tensor._grad = grad._local_tensor if isinstance(grad, DTensor) else grad

    def _gradient(self):
        grad = self._local_tensor._gradient()
        if grad is None:
            return None
        held = self.__dict__.get("_shown_grad")
        if held is None or held._local_tensor is not grad:
            whole = [Replicate() if isinstance(p, Partial) else p for p in self._placements]
            held = self._shown_grad = made_of(grad, self._mesh, whole, self.shape)
        return held

    @property
    def grad(self):
        return self._gradient()

    @grad.setter
    def grad(self, grad):
        if grad is not None:
            if not isinstance(grad, DTensor):
                raise TypeError("the gradient of a DTensor is a DTensor or None")
            if grad.shape != self.shape or grad._mesh != self._mesh:
                raise RuntimeError(
                    f"a gradient of shape {tuple(grad.shape)} for a DTensor of shape {tuple(self.shape)}"
                )
            grad = grad._under(self._placements)
        self._grad = grad

    @grad.deleter
    def grad(self):
        self._grad = None

    @property
    def requires_grad(self):
        return self._local_tensor.requires_grad

    @requires_grad.setter
    def requires_grad(self, on):
        self._local_tensor.requires_grad = on

    def requires_grad_(self, requires_grad=True):
        self._local_tensor.requires_grad_(requires_grad)
        return self

    is_leaf = property(lambda self: self._local_tensor.is_leaf)
    grad_fn = property(lambda self: self._local_tensor.grad_fn)
    retains_grad = property(lambda self: self._local_tensor.retains_grad)
    _version = property(lambda self: self._local_tensor._version)

    def retain_grad(self):
        self._local_tensor.retain_grad()

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
        """As `Tensor.backward`. A Partial tensor is summed first."""
        whole = tuple([Replicate() if isinstance(p, Partial) else p for p in self._placements])
        if gradient is not None:
            gradient = gradient._under(whole)._local_tensor
        if inputs is not None:
            inputs = [
                t._local_tensor if isinstance(t, DTensor) else t
                for t in ([inputs] if isinstance(inputs, Tensor) else inputs)
            ]
        self._under(whole)._local_tensor.backward(gradient, retain_graph, create_graph, inputs)

    def register_hook(self, hook):
        """Call `hook(grad)` with the gradient as a DTensor; what it returns replaces the gradient."""
        whole = [Replicate() if isinstance(p, Partial) else p for p in self._placements]
        mesh, shape = self._mesh, self.shape

        def called(grad):
            seen = hook(made_of(grad, mesh, whole, shape))
            return None if seen is None else seen._under(tuple(whole))._local_tensor

        return self._local_tensor.register_hook(called)

    def register_post_accumulate_grad_hook(self, hook):
        return self._local_tensor.register_post_accumulate_grad_hook(lambda _: hook(self))

    def _history(self):
        raise NotImplementedError("a DTensor in a function of autograd: use backward(), or the local tensors")

    # ---- the same tensor in another form

    def detach(self):
        return self._same(self._local_tensor.detach())

    def detach_(self):
        self._local_tensor.detach_()
        return self

    @property
    def data(self):
        return self._same(self._local_tensor.data)

    @data.setter
    def data(self, other):
        if not isinstance(other, DTensor):
            raise RuntimeError("the data of a DTensor is a DTensor")
        self._local_tensor.data = other._under(self._placements)._local_tensor
        self._describe(other.shape)

    def to(self, *args, **kwargs):
        local = self._local_tensor.to(*args, **kwargs)
        return self if local is self._local_tensor else self._same(local)

    def cpu(self):
        return self.to("cpu")

    def cuda(self, device=None, non_blocking=False):
        return self.to("cuda" if device is None else device)

    def contiguous(self, memory_format=None):
        local = self._local_tensor.contiguous()
        return self if local is self._local_tensor else self._same(local)

    def is_contiguous(self, memory_format=None):
        return self._local_tensor.is_contiguous()

    def numel(self):
        return self.shape.numel()

    nelement = numel

    def dim(self):
        return len(self.shape)

    def stride(self, dim=None):
        found = self._type.strides
        return found if dim is None else found[dim]

    def storage_offset(self):
        return 0

    def is_floating_point(self):
        return self.dtype.is_floating_point

    def is_complex(self):
        return self.dtype.is_complex

    def element_size(self):
        return self._local_tensor.element_size()

    def size(self, dim=None):
        return self.shape if dim is None else self.shape[dim]

    shape = property(lambda self: self._storage.type.shape)
    dtype = property(lambda self: self._storage.type.dtype)
    device = property(lambda self: self._storage.type.place.device)
    ndim = property(lambda self: len(self._storage.type.shape))
    layout = property(lambda self: self._local_tensor.layout)
    is_meta = property(lambda self: self._local_tensor.is_meta)
    is_cuda = property(lambda self: self._local_tensor.is_cuda)
    is_cpu = property(lambda self: self._local_tensor.is_cpu)
    is_sparse = property(lambda self: False)
    is_quantized = property(lambda self: False)
    _is_view = property(lambda self: lambda: False)

    # ---- values

    def numpy(self, *, force=False):
        raise RuntimeError(".numpy() is not supported for tensor subclasses.")

    def tolist(self):
        raise RuntimeError(".tolist() is not supported for tensor subclasses, got DTensor")

    def item(self):
        """The number in the local tensor. It is a part of the sum if the placement is Partial."""
        return self._local_tensor.item()

    def __bool__(self):
        return bool(self._local_tensor)

    def __float__(self):
        return float(self._local_tensor)

    def __int__(self):
        return int(self._local_tensor)

    def __index__(self):
        return self._local_tensor.__index__()

    def __len__(self):
        return self.shape[0]

    def __format__(self, spec):
        return format(self.item(), spec) if not self.ndim and spec else object.__format__(self, spec)

    def __hash__(self):
        return id(self)

    def __repr__(self, *, tensor_contents=None):
        local = self._local_tensor.detach()
        return f"DTensor(local_tensor={local if local.ndim else local.item()}, device_mesh={self._mesh}, placements={self._placements})"

    __str__ = __repr__

    def __deepcopy__(self, memo):
        if id(self) not in memo:
            memo[id(self)] = made = self._same(copy.deepcopy(self._local_tensor, memo))
            made.__dict__.update(
                {k: v for k, v in self.__dict__.items() if k not in made.__dict__ and k != "_shown_grad"}
            )
        return memo[id(self)]

    def __reduce_ex__(self, protocol):
        raise NotImplementedError(
            "a DTensor cannot be pickled: torch.save its full_tensor(), or write it by torch.distributed.checkpoint"
        )


def mesh_or_current(mesh) -> DeviceMesh:
    """The mesh that a function was given.

    Raises:
        RuntimeError: there is none.
    """
    if mesh is None:
        raise RuntimeError("a DTensor needs a device_mesh")
    if mesh.get_coordinate() is None:
        raise NotImplementedError("a DTensor on a mesh that this process is not in")
    return mesh


def sent_from_first(local, mesh, mesh_dim):
    """The local tensor of the first process along a dimension of the mesh, in all processes. No gradients."""
    ranks = _redistribute.members(mesh, mesh_dim)
    if len(ranks) == 1:
        return local
    with no_grad():
        return recording.record_collective(recording.broadcast_arrays, ranks, [local], source=0)


def distribute_tensor(tensor, device_mesh=None, placements=None, *, src_data_rank=0) -> DTensor:
    """Spread a tensor over a mesh. The values are those of the first process. The result is a leaf.

    Args:
        placements: one for each dimension of the mesh; default: Replicate.
        src_data_rank: 0; None: each process takes its part of its own tensor, and nothing is sent.

    Raises:
        ValueError: there is not one placement for each dimension of the mesh.
    """
    mesh = mesh_or_current(device_mesh)
    if isinstance(tensor, DTensor):
        if tensor._mesh != mesh:
            raise ValueError(
                f"Cannot distribute a DTensor with device mesh {tensor._mesh} to a different device mesh {mesh}."
            )
        if tensor._placements != normalized(placements, tensor.ndim, mesh):
            raise ValueError(
                f"Cannot distribute a DTensor with placements {tensor._placements} to a different placements {tuple(placements)}. do "
                "you want to call `redistribute` instead?"
            )
        return tensor
    if not tensor.is_leaf:
        raise RuntimeError("`distribute_tensor` should be used to distribute leaf tensors! but found non-leaf tensor!")
    if src_data_rank not in (0, None):
        raise NotImplementedError("distribute_tensor: src_data_rank other than 0 or None")
    placements = normalized(placements, tensor.ndim, mesh)
    if any(isinstance(p, Partial) for p in placements):
        raise RuntimeError("distribute_tensor: Partial is not a placement of a tensor that is whole")
    local = tensor.detach()
    if src_data_rank == 0 and not local.is_meta:
        for i in range(mesh.ndim):
            local = sent_from_first(local, mesh, i)
    with no_grad():
        local = part_here(local, mesh, placements)
    return made_of(local.requires_grad_(tensor.requires_grad), mesh, placements, tensor.shape)


def part_here(whole, mesh, placements):
    """This process's part of a whole tensor, as a copy."""
    if whole.is_meta:
        return whole.new_empty(local_shape(mesh, whole.shape, placements))
    made = _redistribute.redistributed(whole, mesh, whole.shape, (Replicate(),) * mesh.ndim, placements)
    return made.clone() if made is whole else made
