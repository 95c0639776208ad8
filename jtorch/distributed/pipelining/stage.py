"""`torch.distributed.pipelining.stage`: the part of a model that one process has, and what it sends to the next."""

from __future__ import annotations

from jtorch.autograd import backward
from jtorch.core.grad import no_grad
from jtorch.core.ops.make.create import empty
from jtorch.core.tensor import Tensor
from jtorch.distributed._c10d.object_collectives import recv_object_list, send_object_list
from jtorch.distributed._c10d.point_to_point import P2POp, irecv, isend
from jtorch.distributed._c10d.process_groups import default_group

__all__ = ["PipelineStage"]


class PipelineStage:
    """One stage of a pipeline.

    Args:
        submodule: the part of the model. It takes and returns a tensor or a tuple of tensors.
        stage_index: the number of the stage, which is the rank of its process in the group.
        num_stages: how many stages there are.
        device: where the stage computes.
        input_args, output_args: have no effect: the stages tell each other the shapes with the first batch.
        group: the processes; None: all.

    Raises:
        ValueError: there is no such stage, or not one process for each stage.
        NotImplementedError: `dw_builder`.
    """

    def __init__(
        self,
        submodule,
        stage_index,
        num_stages,
        device,
        input_args=None,
        output_args=None,
        output_grads=None,
        input_grads=None,
        group=None,
        dw_builder=None,
        get_mesh=None,
    ):
        if stage_index >= num_stages:
            raise ValueError(f"Stage index {stage_index} is out of range of {num_stages}")
        if dw_builder is not None or get_mesh is not None:
            raise NotImplementedError("torch.distributed.pipelining.PipelineStage: dw_builder and get_mesh")
        self.group = default_group() if group is None else group
        if self.group.size() != num_stages or self.group.rank() != stage_index:
            raise ValueError("a stage is in the process whose rank is its number, and each process has one stage")
        self.submod, self.device = submodule, device
        self.stage_index, self.num_stages = stage_index, num_stages
        self._received = None  # (shape, dtype) of each tensor that comes from the stage before
        self._told = False
        self.begin()

    @property
    def is_first(self):
        return self.stage_index == 0

    @property
    def is_last(self):
        return self.stage_index == self.num_stages - 1

    def begin(self):
        """Forget the batch before."""
        self.inputs, self.outputs, self._gradients = {}, {}, {}

    def compute(self, i, args, kwargs):
        """The forward pass of part `i` of the batch. Returns its output."""
        given = args if self.is_first else self.inputs[i]
        output = self.submod(*given, **kwargs)
        self.outputs[i] = output if isinstance(output, tuple) else (output,)
        return output

    def backward(self, i, loss):
        """The backward pass of part `i`: from the loss in the last stage, from the gradients of the next one elsewhere."""
        if self.is_last:
            loss.backward()
            return
        pairs = [(o, g) for o, g in zip(self.outputs[i], self._gradients.pop(i), strict=True) if o.requires_grad]
        backward([o for o, _ in pairs], [g for _, g in pairs])

    def receives_inputs(self, i) -> list:
        """The messages by which the inputs of part `i` come."""
        if self.is_first:
            return []
        if self._received is None:
            told = [None]
            recv_object_list(told, group=self.group, group_src=self.stage_index - 1)
            self._received = told[0]
        made = [empty(shape, dtype=dtype, device=self.device) for shape, dtype in self._received]
        self.inputs[i] = tuple([x.requires_grad_() if x.is_floating_point() else x for x in made])
        return [self._message(irecv, x.detach(), self.stage_index - 1) for x in self.inputs[i]]

    def sends_outputs(self, i) -> list:
        """The messages by which the outputs of part `i` go."""
        if self.is_last:
            return []
        outputs = self.outputs[i]
        if not all(isinstance(o, Tensor) for o in outputs):
            raise TypeError("a stage of a pipeline returns tensors")
        if not self._told:
            self._told = True
            told = [(tuple(o.shape), o.dtype) for o in outputs]
            send_object_list([told], group=self.group, group_dst=self.stage_index + 1)
        return [self._message(isend, o.detach(), self.stage_index + 1) for o in outputs]

    def receives_gradients(self, i) -> list:
        """The messages by which the gradients of the outputs of part `i` come."""
        if self.is_last:
            return []
        self._gradients[i] = [empty(tuple(o.shape), dtype=o.dtype, device=self.device) for o in self.outputs[i]]
        wanted = [g for g, o in zip(self._gradients[i], self.outputs[i], strict=True) if o.is_floating_point()]
        return [self._message(irecv, g, self.stage_index + 1) for g in wanted]

    def sends_gradients(self, i) -> list:
        """The messages by which the gradients of the inputs of part `i` go."""
        if self.is_first:
            return []
        found = [x for x in self.inputs.pop(i) if x.is_floating_point()]
        sent = [x.grad if x.grad is not None else x.detach() * 0 for x in found]
        return [self._message(isend, g, self.stage_index - 1) for g in sent]

    def _message(self, how, tensor, stage):
        return P2POp(how, tensor, group=self.group, group_peer=stage)

    def scale_gradients(self, n):
        """Divide the gradients of the parameters by the number of parts."""
        with no_grad():
            for p in self.submod.parameters():
                if p.grad is not None:
                    p.grad.div_(n)
