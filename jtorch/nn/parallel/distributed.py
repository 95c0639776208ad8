"""`torch.nn.parallel.distributed`: each process has a copy of a module and trains it on its own data."""

from __future__ import annotations

import contextlib
import weakref

from jtorch.core.grad import grad_enabled, no_grad
from jtorch.core.ops.make.create import full
from jtorch.core.tensor import Tensor, after_backward
from jtorch.distributed._c10d import recording
from jtorch.distributed._c10d.grad_bucket import GradBucket
from jtorch.distributed._c10d.process_groups import default_group
from jtorch.distributed._c10d.reduce_op import ReduceOp
from jtorch.distributed.algorithms.join import Join, Joinable, JoinConfig, JoinHook
from jtorch.nn.modules.module import Module
from jtorch.nn.parameter import UninitializedParameter

__all__ = ["DistributedDataParallel"]

_UNFINISHED = (
    "Expected to have finished reduction in the prior iteration before starting a new one. This error indicates that your "
    "module has parameters that were not used in producing loss. You can enable unused parameter detection by passing the "
    "keyword argument `find_unused_parameters=True` to `torch.nn.parallel.DistributedDataParallel`, and by \n"
    "making sure all `forward` function outputs participate in calculating loss. \n"
    "If you already have done the above, then the distributed data parallel module wasn't able to locate the output tensors in "
    "the return value of your module's `forward` function. Please include the loss function and the structure of the return "
    "value of `forward` of your module when reporting this issue (e.g. list, dict, iterable)."
)


class _JoinHook(JoinHook):
    """Takes part in the collectives of `DistributedDataParallel` with zeros."""

    def __init__(self, ddp, divide_by_initial_world_size):
        self.ddp = ddp
        ddp._divides_by_all = divide_by_initial_world_size

    def main_hook(self):
        ddp = self.ddp
        if ddp._sends_buffers():
            ddp._send(ddp._sent_buffers, ddp._common_rank(False))
        syncs = ddp._sum_of_flags(0.0).item() != 0
        ddp.require_forward_param_sync = syncs
        if syncs:
            with no_grad():
                zeros = [p.detach() * 0 for p in ddp._trained]
                ddp._hooked(ddp._trained, zeros) if ddp._hook else ddp._means(zeros)
                if ddp.find_unused_parameters:
                    ddp._used_anywhere([False] * len(zeros), ddp._trained)

    def post_hook(self, is_last_joiner):
        ddp = self.ddp
        ddp._send(ddp._everything_sent(), ddp._common_rank(is_last_joiner))


class DistributedDataParallel(Module, Joinable):
    """A module of which every process has a copy. Each backward pass leaves the mean of the gradients over the processes.

    The mean is a recorded line after the backward pass, so it is a part of the training step's program.

    Args:
        module: the wrapped module, registered as `module`, so its names in a state_dict begin with "module.". The parameters
            and buffers of rank 0 replace those of the others.
        device_ids, output_device: the device of the module, or None.
        broadcast_buffers: replace the buffers by those of rank 0 before each forward pass.
        init_sync: replace parameters and buffers by those of rank 0 at the start.
        process_group: the processes; None: all.
        find_unused_parameters: allow parameters without a gradient. Then the processes also tell each other which have one.
        static_graph: promise that in each step the same parameters have no gradient.
        bucket_cap_mb, gradient_as_bucket_view, ...: have no effect. Small gradients are sent as one array.

    Raises:
        ValueError: there is no process group.
        RuntimeError: no parameter requires a gradient; in `forward`, one had none in the step before.

    Differs from torch: with `create_graph=True` the mean has no gradient.
    """

    def __init__(
        self,
        module,
        device_ids=None,
        output_device=None,
        dim=0,
        broadcast_buffers=None,
        init_sync=True,
        process_group=None,
        bucket_cap_mb=None,
        find_unused_parameters=False,
        check_reduction=False,
        gradient_as_bucket_view=False,
        static_graph=False,
        forward_sync_buffers=None,
        **options,
    ):
        Module.__init__(self)
        self._join_config = JoinConfig()
        self._divides_by_all, self._active = True, None
        self.process_group = default_group() if process_group is None else process_group
        ignored = set(getattr(module, "_ddp_params_and_buffers_to_ignore", ()))
        self.parameters_to_ignore = ignored
        self._trained = [p for name, p in module.named_parameters() if name not in ignored and p.requires_grad]
        self._check(device_ids, output_device, [p for n, p in module.named_parameters() if n not in ignored])
        self._sent_buffers = [b for name, b in module.named_buffers() if name not in ignored]
        self.module = module
        self.device_ids, self.output_device, self.dim = device_ids, output_device, dim
        self.device = self._trained[0].device
        asked = broadcast_buffers if forward_sync_buffers is None else forward_sync_buffers
        self.broadcast_buffers = self.forward_sync_buffers = True if asked is None else asked
        self.find_unused_parameters = find_unused_parameters
        self.static_graph = static_graph
        self.gradient_as_bucket_view = gradient_as_bucket_view
        self.require_backward_grad_sync = True
        self.require_forward_param_sync = True
        self._hook = None
        self._before = None  # the gradients before the backward pass that is awaited
        self._unfinished = False
        if init_sync and self.process_group.size() > 1:
            self._send(self._everything_sent())

    def _everything_sent(self):
        """The parameters, and the buffers that are the same in all processes."""
        named = [p for name, p in self.module.named_parameters() if name not in self.parameters_to_ignore]
        return [*named, *(self._sent_buffers if self.broadcast_buffers else ())]

    @staticmethod
    def _check(device_ids, output_device, parameters):
        if not any(p.requires_grad for p in parameters):
            raise RuntimeError(
                "DistributedDataParallel is not needed when a module doesn't have any parameter that requires a gradient."
            )
        if device_ids is not None and len(device_ids) > 1:
            raise ValueError("device_ids can only be None or contain a single element.")
        if (device_ids or output_device) and parameters[0]._type.place.kind.host:
            raise ValueError(
                "DistributedDataParallel device_ids and output_device arguments only work with single-device/multiple-device GPU "
                f"modules or CPU modules, but got device_ids {device_ids}, output_device {output_device}, and module parameters "
                f"{ {p.device for p in parameters} }."
            )
        if any(isinstance(p, UninitializedParameter) for p in parameters):
            raise RuntimeError(
                "Modules with uninitialized parameters can't be used with `DistributedDataParallel`. "
                "Run a dummy forward pass to correctly initialize the modules"
            )

    def _send(self, tensors, source=0):
        """Replace tensors by those of one process."""
        if tensors:
            made = recording.record_collective(
                recording.broadcast_arrays, self.process_group.ranks, tensors, source=source
            )
            for tensor, new in zip(tensors, made if isinstance(made, tuple) else (made,), strict=True):
                recording.write(tensor, new)

    def forward(self, *inputs, **kwargs):
        syncs = grad_enabled() and self.require_backward_grad_sync
        joins = self._join_config.enable
        work = Join.notify_join_context(self)
        self._active = work.result()[0] if work is not None and not self._divides_by_all else None
        if self.process_group.size() > 1:
            if syncs and self._unfinished:
                raise RuntimeError(_UNFINISHED)
            if self._sends_buffers():
                self._send(self._sent_buffers, self._common_rank(True) if joins else 0)
        if joins:
            self._sum_of_flags(float(self.require_backward_grad_sync))
        self.require_forward_param_sync = syncs
        outputs = self.module(*inputs, **kwargs)
        if syncs and self._before is None:
            self._await_backward()
        return outputs

    def _sends_buffers(self):
        return self.require_forward_param_sync and self.broadcast_buffers and bool(self._sent_buffers)

    def _common_rank(self, may_be_this):
        """The highest rank of those processes that say that they may be asked."""
        number = float(self.process_group.rank()) if may_be_this else -1.0
        (found,) = recording.reduce_tensors([self._number(number)], ReduceOp.MAX, self.process_group.ranks)
        return int(found.item())

    def _sum_of_flags(self, flag):
        return recording.reduce_tensors([self._number(flag)], ReduceOp.SUM, self.process_group.ranks)[0]

    def _number(self, value):
        with no_grad():
            return full((1,), value, device=self.device)

    def _await_backward(self):
        """Take the mean when a backward pass has changed the gradients."""
        self._before = [None if p._grad is None else p._gradient()._value for p in self._trained]
        mine = weakref.ref(self)

        def callback():
            ddp = mine()
            if ddp is None or ddp._after_backward():
                after_backward.remove(callback)

        after_backward.append(callback)

    def _after_backward(self):
        """Take the mean of the gradients. Returns whether this was the pass that was waited for."""
        used = [
            p._grad is not None and (before is None or p._gradient()._value is not before)
            for p, before in zip(self._trained, self._before, strict=True)
        ]
        if not any(used):
            return False
        self._before = None
        if self.process_group.size() == 1 and self._hook is None:
            return True
        if all(used):
            given, wanted = self._trained, self._trained
        elif self.find_unused_parameters or self.static_graph:
            given, wanted = self._trained, None
        else:
            given = wanted = [p for p, is_used in zip(self._trained, used, strict=True) if is_used]
            self._unfinished = True
        with no_grad():
            gradients = [p._gradient() if p._grad is not None else p.detach() * 0 for p in given]
            means = self._hooked(given, gradients) if self._hook else self._means(gradients)
            if self.find_unused_parameters:
                wanted = self._used_anywhere(used, wanted)
            kept = {id(p) for p in (given if wanted is None else wanted)}
            for p, mean in zip(given, means, strict=True):
                if id(p) in kept and p._grad is None:
                    p._grad = mean
                elif id(p) in kept:
                    recording.write(p._gradient(), mean)
        return True

    def _means(self, gradients):
        if not self._divides_by_all:
            sums = recording.reduce_tensors(gradients, ReduceOp.SUM, self.process_group.ranks)
            return [s if self._active is None else s / self._active.to(s.dtype) for s in sums]
        return recording.reduce_tensors(gradients, ReduceOp.AVG, self.process_group.ranks)

    def _used_anywhere(self, used, wanted):
        """The parameters that have a gradient in some process. The processes exchange it only if one has none here."""
        mask = recording.answers_as_bytes(used)
        if self.process_group.size() > 1:
            mask = recording.reduce_tensors([mask], ReduceOp.MAX, self.process_group.ranks)[0]
        if wanted is not None:
            return wanted
        return [p for p, is_used in zip(self._trained, mask.tolist(), strict=True) if is_used]

    def _hooked(self, parameters, gradients):
        """The gradients after the user's hook, which sees them as one flat bucket for each dtype."""
        state, hook = self._hook
        kinds = list(dict.fromkeys(g.dtype for g in gradients))
        made = [None] * len(gradients)
        for index, dtype in enumerate(kinds):
            own = [i for i, g in enumerate(gradients) if g.dtype is dtype]
            flat = recording.concatenated([gradients[i].reshape(-1) for i in own])
            bucket = GradBucket(index, flat, [parameters[i] for i in own], index == len(kinds) - 1)
            result = hook(state, bucket).wait()
            result = result if isinstance(result, Tensor) else result[0]
            start = 0
            for i in own:
                made[i] = result[start : start + gradients[i].numel()].view(gradients[i].shape)
                start += gradients[i].numel()
        return made

    def join(self, divide_by_initial_world_size=True, enable=True, throw_on_early_termination=False):
        """A `with` block in which processes may have different numbers of batches. At its end all have the model of the last one.

        Args:
            divide_by_initial_world_size: divide the sum of the gradients by the number of all processes; False: by the number
                of those that still have batches.
            enable, throw_on_early_termination: as for `Join`.
        """
        return Join(
            [self], enable, throw_on_early_termination, divide_by_initial_world_size=divide_by_initial_world_size
        )

    def join_hook(self, **kwargs):
        """The hook for `Join`: a process that has ended gives zeros for gradients."""
        return _JoinHook(self, kwargs.get("divide_by_initial_world_size", True))

    @property
    def join_device(self):
        return self.device

    @property
    def join_process_group(self):
        return self.process_group

    @contextlib.contextmanager
    def no_sync(self):
        """Inside the block gradients are only added up. The next backward pass outside takes the mean of the sums."""
        before, self.require_backward_grad_sync = self.require_backward_grad_sync, False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    def register_comm_hook(self, state, hook):
        """Let `hook(state, bucket)` take the mean: it returns a `Future` of the flat tensor of gradients.

        Raises:
            TypeError: the hook cannot be called.
            RuntimeError: a hook is registered already.
        """
        if not callable(hook):
            raise TypeError("Communication hook must be callable.")
        if self._hook is not None:
            raise RuntimeError("register_comm_hook or register_builtin_comm_hook can only be called once.")
        self._hook = state, hook

    def train(self, mode=True):
        super().train(mode)
        return self

    def __getstate__(self):
        state = {**self.__dict__, "_before": None}
        del state["process_group"]
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        self.process_group = default_group()
        self.require_backward_grad_sync = self.require_forward_param_sync = True
