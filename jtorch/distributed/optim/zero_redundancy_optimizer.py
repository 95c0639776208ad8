"""`torch.distributed.optim.zero_redundancy_optimizer`: each process updates a part of the parameters and has its state only."""

from __future__ import annotations

from jtorch.distributed._c10d import recording
from jtorch.distributed._c10d.object_collectives import gather_object
from jtorch.distributed._c10d.process_groups import default_group
from jtorch.distributed.algorithms.join import Join, Joinable, JoinHook
from jtorch.optim.optimizer import Optimizer

__all__ = ["ZeroRedundancyOptimizer"]


class _StepHook(JoinHook):
    def __init__(self, optimizer):
        self.optimizer = optimizer

    def main_hook(self):
        self.optimizer.step()


class ZeroRedundancyOptimizer(Optimizer, Joinable):
    """An optimizer whose state is cut over processes.

    Each parameter belongs to one process. Its optimizer updates it and has its state, and the others get the new numbers.
    The gradients must be the same in all processes, as after a backward pass of `DistributedDataParallel`.

    Args:
        params: the parameters or groups, the same in all processes.
        optimizer_class: the class of the optimizer of each part.
        process_group: the processes; None for all.
        parameters_as_bucket_view: taken and not needed.
        **defaults: the settings of the optimizer.

    Raises:
        NotImplementedError: with `overlap_with_ddp`.

    Differs from torch: no `overlap_with_ddp`; the update follows the backward pass. `consolidate_state_dict` sends states
    pickled to one process.
    """

    def __init__(
        self,
        params,
        optimizer_class,
        process_group=None,
        parameters_as_bucket_view=False,
        overlap_with_ddp=False,
        **defaults,
    ):
        if overlap_with_ddp:
            raise NotImplementedError("torch.distributed.optim.ZeroRedundancyOptimizer: overlap_with_ddp=True")
        self.process_group = default_group() if process_group is None else process_group
        self.rank, self.world_size = self.process_group.rank(), self.process_group.size()
        self.parameters_as_bucket_view = parameters_as_bucket_view
        self._optim_constructor, self._optim_defaults = optimizer_class, defaults
        self._parts = []  # for each group the parameters of each process
        self._elements = [0] * self.world_size  # how many elements the parameters of each process have
        self._states = []  # of all processes, after `consolidate_state_dict`
        self.optim = None
        Joinable.__init__(self)
        Optimizer.__init__(self, params, defaults)
        mine = [
            {**group, "params": part[self.rank]} for group, part in zip(self.param_groups, self._parts, strict=True)
        ]
        self.optim = optimizer_class(mine, **defaults)
        self._copy_settings(self.optim.param_groups, self.param_groups)

    def add_param_group(self, param_group):
        """Optimize more parameters: the largest goes to the process that has the least so far, and so on."""
        super().add_param_group(param_group)
        group = self.param_groups[-1]
        part = [[] for _ in range(self.world_size)]
        for parameter in sorted(group["params"], key=lambda p: p.numel(), reverse=True):
            owner = self._elements.index(min(self._elements))
            part[owner].append(parameter)
            self._elements[owner] += parameter.numel()
        self._parts.append(part)
        if self.optim is not None:
            self.optim.add_param_group({**group, "params": part[self.rank]})

    @staticmethod
    def _copy_settings(source, target):
        for given, group in zip(source, target, strict=True):
            group.update({key: value for key, value in given.items() if key not in ("params", "param_names")})

    def step(self, closure=None, **kwargs):
        """Update this process's parameters, and take those of the others from them. Returns the closure's result."""
        Join.notify_join_context(self)
        self._copy_settings(self.param_groups, self.optim.param_groups)
        loss = self.optim.step(**kwargs) if closure is None else self.optim.step(closure=closure, **kwargs)
        self._copy_settings(self.optim.param_groups, self.param_groups)
        if self.world_size > 1:
            for owner in range(self.world_size):
                self._send_from(owner)
        return loss

    def _send_from(self, owner):
        sent = [parameter for part in self._parts for parameter in part[owner]]
        if sent:
            made = recording.record_collective(recording.broadcast_arrays, self.process_group.ranks, sent, source=owner)
            for parameter, new in zip(sent, made if isinstance(made, tuple) else (made,), strict=True):
                recording.write(parameter, new)

    def join_hook(self, **kwargs) -> JoinHook:
        """The hook for `Join`: a process that has ended still updates its parameters and sends them."""
        return _StepHook(self)

    @property
    def join_device(self):
        return self.param_groups[0]["params"][0].device

    @property
    def join_process_group(self):
        return self.process_group

    def consolidate_state_dict(self, to=0):
        """Bring the states of all processes to the one with this rank, whose `state_dict` then has them. All processes call it."""
        self._copy_settings(self.param_groups, self.optim.param_groups)
        found = [None] * self.world_size if self.rank == to else None
        gather_object(self.optim.state_dict(), found, group=self.process_group, group_dst=to)
        self._states = found or []

    def state_dict(self):
        """The state of all parameters, as of the last `consolidate_state_dict`.

        Raises:
            RuntimeError: it was not brought to this process.
        """
        if not self._states:
            raise RuntimeError(
                "Optimizer state has not been consolidated on this rank. "
                f"Please call `consolidate_state_dict(to={self.rank})` on all ranks beforehand if you meant to save the global state."
            )
        number = self._numbers()
        whole = super().state_dict()
        states = {}
        for owner, told in enumerate(self._states):
            for group, part in zip(told["param_groups"], self._parts, strict=True):
                for i, parameter in zip(group["params"], part[owner], strict=True):
                    if i in told["state"]:
                        states[number[id(parameter)]] = told["state"][i]
        whole["state"] = dict(sorted(states.items()))
        return whole

    def load_state_dict(self, state_dict):
        """Take the settings and, for this process's parameters, the states of a whole state_dict. The given one is not changed."""
        number = self._numbers()
        own = self.optim.state_dict()
        states = {}
        for group, part in zip(own["param_groups"], self._parts, strict=True):
            for i, parameter in zip(group["params"], part[self.rank], strict=True):
                if number[id(parameter)] in state_dict["state"]:
                    states[i] = state_dict["state"][number[id(parameter)]]
        super().load_state_dict({"state": {}, "param_groups": state_dict["param_groups"]})
        self._copy_settings(self.param_groups, own["param_groups"])
        self.optim.load_state_dict({"state": states, "param_groups": own["param_groups"]})

    def _numbers(self):
        """The number of each parameter in a state_dict, by its identity."""
        return {id(p): i for i, p in enumerate(p for group in self.param_groups for p in group["params"])}
