"""The parameters of one module that are cut: gathering them for the forward pass, and reducing their gradients.

`Gather` is one node of the gradient graph for all of them. Its forward gathers the parts. Its backward gives each process its part
of the mean of the gradients. Both are lines of the step's program.
"""

from __future__ import annotations

from jtorch.autograd.function import Function
from jtorch.autograd.graph import saved_tensors_hooks
from jtorch.core.grad import grad_enabled, no_grad
from jtorch.core.tensor import Tensor
from jtorch.distributed._c10d import recording
from jtorch.distributed._c10d.reduce_op import ReduceOp
from jtorch.distributed.device_mesh import DeviceMesh
from jtorch.distributed.tensor._api import DTensor, made_of
from jtorch.distributed.tensor._layout import part_of
from jtorch.distributed.tensor._redistribute import join_parts, members, sum_parts
from jtorch.distributed.tensor.placement_types import Partial, Replicate, Shard, StridedShard
from jtorch.nn.parameter import Parameter


class DataMesh:
    """The processes over which parameters are cut, and those that have copies.

    Args:
        mesh: of one dimension: parameters are cut over it; of two: copies along the first, cut along the second.
        spreads: False: all processes have copies.
    """

    def __init__(self, mesh: DeviceMesh, spreads=True):
        if mesh.ndim > 2:
            raise ValueError(f"fully_shard expects a 1D or 2D DeviceMesh but got {mesh}")
        self.mesh = mesh
        self.shard_dim = mesh.ndim - 1 if spreads else None
        self.copies = [i for i in range(mesh.ndim) if i != self.shard_dim]

    @property
    def parts(self):
        return 1 if self.shard_dim is None else self.mesh.shape[self.shard_dim]

    @property
    def number(self):
        return 0 if self.shard_dim is None else self.mesh.get_local_rank(self.shard_dim)

    @property
    def ranks(self):
        return members(self.mesh, self.shard_dim)

    def placements(self, dim):
        return tuple([Shard(dim) if i == self.shard_dim else Replicate() for i in range(self.mesh.ndim)])


class Sharded:
    """One parameter that is cut: the modules that have it, and its shape and class when it is gathered."""

    def __init__(self, owners, whole: Tensor, data: DataMesh, dim):
        self.owners, self.dim = owners, dim
        self.inner = (whole._mesh, whole._placements, whole.shape) if isinstance(whole, DTensor) else None
        self.is_parameter = isinstance(whole, Parameter)
        local = whole._memory.detach()
        self.size = local.shape[dim] if local.ndim else 1
        if not local.ndim:
            raise ValueError(
                "fully_shard doesn't support scalar parameters. Change it to a 1D tensor with numel equal to 1."
            )
        start, length = part_of(self.size, data.parts, data.number)
        with no_grad():
            part = local if data.parts == 1 else local.narrow(dim, start, length).clone()
        self.parameter = Parameter(self._spread(part, whole, data), whole.requires_grad)
        self.put(self.parameter)

    def _spread(self, part, whole, data):
        """The DTensor of this parameter: on the data's mesh, and also on its own mesh if it was a DTensor before."""
        if self.inner is None:
            return made_of(part, data.mesh, data.placements(self.dim), whole.shape)
        mesh, placements, shape = self.inner
        joint = data.mesh._joined_with(mesh)
        outer = [
            StridedShard(p.dim, split_factor=mesh.size())
            if isinstance(p, Shard) and mesh.size() > 1 and _cuts(placements, p.dim)
            else p
            for p in data.placements(self.dim)
        ]
        return made_of(part, joint, (*outer, *placements), shape)

    def find(self):
        """Read the parameter from its module again: `to_empty` and others replace it."""
        module, name = self.owners[0]
        found = module._parameters[name]
        if found is not self.parameter:
            if not isinstance(found, DTensor) or found._placements != self.parameter._placements:
                raise RuntimeError(
                    f"the parameter {name} of {type(module).__name__} was replaced by a tensor that is not in parts"
                )
            self.parameter = found

    def put(self, tensor):
        """Let the modules have this tensor as the parameter."""
        for module, name in self.owners:
            module._parameters[name] = tensor

    def shown(self, gathered):
        """The gathered tensor in the form that the module has: a parameter that was a DTensor is one again."""
        made = gathered if self.inner is None else made_of(gathered, *self.inner)
        made._is_param = True
        return made


def _cuts(placements, dim):
    return any(isinstance(p, Shard) and p.dim == dim for p in placements)


class Gather(Function):
    """Parts of parameters -> whole parameters."""

    @staticmethod
    def forward(ctx, group, *parts):
        ctx.group = group
        ctx.set_materialize_grads(False)
        made = group.gathered(parts)
        frozen = [m for m, s in zip(made, group.sharded, strict=True) if not s.parameter.requires_grad]
        ctx.mark_non_differentiable(*frozen)
        return made

    @staticmethod
    def backward(ctx, *gradients):
        return None, *ctx.group.reduced(gradients)


class ParameterGroup:
    """The parameters that are gathered together.

    Attributes:
        syncs: whether a backward pass reduces the gradients; if not, each process adds up whole gradients.
        regathers: whether a backward pass gathers parameters again, so that no whole ones are kept until then.
    """

    def __init__(self, sharded, data: DataMesh, param_dtype=None, reduce_dtype=None, regathers=True):
        self.sharded, self.data = sharded, data
        self.param_dtype, self.reduce_dtype = param_dtype, reduce_dtype
        self.regathers = regathers
        self.syncs = True
        self.divide_by = None  # None: the number of processes
        self._added = [None] * len(sharded)
        self._now = None  # the gathered tensors, while the modules have them
        self._hooks = None
        self._depth = 0

    # ---- the forward pass

    def unshard(self):
        """Let the modules have the whole parameters."""
        self._depth += 1
        if self._depth > 1 or not self.sharded:
            return
        for s in self.sharded:
            s.find()
        made = Gather.apply(self, *[s.parameter._local_tensor for s in self.sharded])
        self._now = [s.shown(m) for s, m in zip(self.sharded, made, strict=True)]
        for s, tensor in zip(self.sharded, self._now, strict=True):
            s.put(tensor)
        if self.regathers and grad_enabled() and self.data.parts > 1:
            self._hooks = Regathering(self, made)
            self._hooks.__enter__()

    def reshard(self):
        """Let the modules have the parts again."""
        if not self._depth:
            return
        self._depth -= 1
        if self._depth:
            return
        if self._hooks is not None:
            self._hooks.__exit__(None, None, None)
            self._hooks = None
        self._now = None
        for s in self.sharded:
            s.put(s.parameter)

    def write_back(self):
        """Copy what was written into the whole parameters to the parts."""
        if self._depth != 1:
            return
        with no_grad():
            for s, whole in zip(self.sharded, self._now or (), strict=True):
                start, length = part_of(s.size, self.data.parts, self.data.number)
                s.parameter._local_tensor.copy_(whole._memory.narrow(s.dim, start, length))

    def gathered(self, parts):
        """The whole tensors of the parts. No gradients."""
        with no_grad():
            given = [self._cast(p.detach(), self.param_dtype) for p in parts]
            if self.data.parts == 1:
                return tuple([g.view_as(g) for g in given])
            sizes, dims = [s.size for s in self.sharded], [s.dim for s in self.sharded]
            return join_parts(given, dims, sizes, self.data.ranks)

    @staticmethod
    def _cast(tensor, dtype):
        return tensor.to(dtype) if dtype is not None and tensor.is_floating_point() else tensor

    # ---- the backward pass

    def reduced(self, gradients):
        """This process's parts of the means of whole gradients.

        None stands for a parameter without a gradient, and for all of them while `syncs` is False.
        """
        with no_grad():
            total = [_sum(a, g) for a, g in zip(self._added, gradients, strict=True)]
            if not self.syncs:
                self._added = total
                return [None] * len(total)
            self._added = [None] * len(total)
            at = [i for i, g in enumerate(total) if g is not None]
            made = [None] * len(total)
            for i, part in zip(at, self._means([self._cast(total[i], self.reduce_dtype) for i in at], at), strict=True):
                made[i] = part.to(self.sharded[i].parameter.dtype)
            return made

    def _means(self, gradients, at):
        if not gradients:
            return []
        op = ReduceOp.AVG if self.divide_by is None else ReduceOp.SUM
        if self.data.parts > 1:
            gradients = sum_parts(gradients, [self.sharded[i].dim for i in at], op, self.data.ranks, self.data.number)
        for i in self.data.copies:
            ranks = members(self.data.mesh, i)
            if len(ranks) > 1:
                gradients = recording.reduce_tensors(gradients, op, ranks)
        return gradients if self.divide_by is None else [g / self.divide_by for g in gradients]


def _sum(a, b):
    return b if a is None else a if b is None else a + b


class Regathering(saved_tensors_hooks):
    """Hooks for saved tensors: a gathered parameter is not saved, but gathered again when the backward pass needs it.

    The hooks do not refer to this object: in a cycle they would keep gathered values until Python's collector runs.
    """

    def __init__(self, group, made):
        numbers, again = {m._value: i for i, m in enumerate(made)}, Again(group)
        super().__init__(lambda t: (again, numbers[t._value]), lambda kept: kept[0].whole(kept[1]))
        self._picks = numbers.__contains__
        self._forget = numbers.clear

    def __exit__(self, *exc):
        super().__exit__(*exc)
        self._forget()


class Again:
    """The parameters of a group, gathered once more for the backward pass of one forward pass."""

    def __init__(self, group):
        self.parts = [s.parameter._local_tensor.detach() for s in group.sharded]
        self.group, self.made = group, None

    def whole(self, number):
        if self.made is None:
            self.made = self.group.gathered(self.parts)
        return self.made[number]


__all__ = ["DataMesh", "Gather", "ParameterGroup", "Partial", "Sharded"]
