"""`torch.distributed.pipelining.schedules`: the order in which a stage computes the parts of a batch."""

from __future__ import annotations

from jtorch.core.grad import grad_enabled, no_grad
from jtorch.core.ops.gather.joining import cat
from jtorch.core.tensor import Tensor
from jtorch.distributed._c10d.point_to_point import batch_isend_irecv

__all__ = ["Schedule1F1B", "ScheduleGPipe"]


class _Schedule:
    def __init__(
        self,
        stage,
        n_microbatches,
        loss_fn=None,
        args_chunk_spec=None,
        kwargs_chunk_spec=None,
        output_merge_spec=None,
        scale_grads=True,
    ):
        if args_chunk_spec is not None or kwargs_chunk_spec is not None or output_merge_spec is not None:
            raise NotImplementedError(f"torch.distributed.pipelining.{type(self).__name__}: how batches are cut")
        self._stage, self._n_microbatches, self._loss_fn = stage, n_microbatches, loss_fn
        self.scale_grads = scale_grads

    def step(self, *args, target=None, losses=None, return_outputs=True, loss_kwargs=None, **kwargs):
        """Send a whole batch through the pipeline, forward and, if there is a `loss_fn`, backward. All processes call it.

        Args:
            *args, **kwargs: in the first stage the inputs of the model; keywords are taken by every stage. Tensors are cut along
                dimension 0.
            target: in the last stage the targets.
            losses: in the last stage a list, which is filled with the loss of each part.
            return_outputs: whether the last stage returns the outputs of the whole batch. Others return None.

        Raises:
            RuntimeError: gradients are off: `eval` is meant.
        """
        if self._loss_fn is not None and not grad_enabled():
            raise RuntimeError(
                "step() requires gradients to be enabled for backward computation; it should not be used under "
                "torch.no_grad() context. Please call eval() instead."
            )
        return self._run(args, kwargs, target, losses, return_outputs, loss_kwargs or {}, self._loss_fn is not None)

    def eval(self, *args, target=None, losses=None, **kwargs):
        """The forward pass only."""
        with no_grad():
            return self._run(args, kwargs, target, losses, True, {}, False)

    def _run(self, args, kwargs, target, losses, return_outputs, loss_kwargs, has_backward):
        stage, n = self._stage, self._n_microbatches
        if stage.is_last and has_backward and target is None:
            raise ValueError("the last stage needs `target`")
        stage.begin()
        self._parts = [(a, k) for a, k in zip(self._cut(args), self._cut_words(kwargs), strict=True)]
        self._targets = self._cut((target,)) if target is not None else None
        self._losses, self._loss_kwargs, self._done = [], loss_kwargs, []
        self._order(has_backward)
        if has_backward and self.scale_grads:
            stage.scale_gradients(n)
        if losses is not None and stage.is_last:
            losses[:] = self._losses
        outputs = [stage.outputs[i] for i in range(n)]
        if not (stage.is_last and return_outputs):
            return None
        merged = tuple([cat(list(parts)) for parts in zip(*outputs, strict=True)])
        return merged if len(merged) > 1 else merged[0]

    def _cut(self, args):
        """[the arguments of each part]: tensors are cut along dimension 0."""
        n = self._n_microbatches
        cut = [a.tensor_split(n) if isinstance(a, Tensor) else [a] * n for a in args]
        return [tuple([pieces[i] for pieces in cut]) for i in range(n)]

    def _cut_words(self, kwargs):
        return [dict(zip(kwargs, part, strict=True)) for part in self._cut(tuple(kwargs.values()))]

    def _forward(self, i):
        args, kwargs = self._parts[i]
        output = self._stage.compute(i, args, kwargs)
        if self._stage.is_last and self._loss_fn is not None and self._targets is not None:
            self._losses.append(self._loss_fn(output, self._targets[i][0], **self._loss_kwargs))

    def _backward(self, i):
        self._stage.backward(i, self._losses[i] if self._stage.is_last else None)

    @staticmethod
    def _exchange(messages):
        if messages:
            for work in batch_isend_irecv(messages):
                work.wait()


class ScheduleGPipe(_Schedule):
    """All parts of a batch forward, then all backward.

    Args:
        stage: the `PipelineStage` of this process.
        n_microbatches: in how many parts a batch is cut.
        loss_fn: function (output, target) -> loss of a part; None: forward only.
        scale_grads: divide the gradients by the number of parts, as for a loss that is a mean.
    """

    def _order(self, has_backward):
        stage = self._stage
        for i in range(self._n_microbatches):
            self._exchange(stage.receives_inputs(i))
            self._forward(i)
            self._exchange(stage.sends_outputs(i))
        for i in range(self._n_microbatches if has_backward else 0):
            self._exchange(stage.receives_gradients(i))
            self._backward(i)
            self._exchange(stage.sends_gradients(i))


class Schedule1F1B(_Schedule):
    """A part forward and a part backward by turns, so that a stage keeps the activations of few parts.

    The arguments are those of `ScheduleGPipe`.

    Raises:
        ValueError: fewer parts than stages.
    """

    def __init__(self, stage, n_microbatches, *args, **kwargs):
        super().__init__(stage, n_microbatches, *args, **kwargs)
        if n_microbatches < stage.num_stages:
            raise ValueError(
                f"Number of microbatches ({n_microbatches}) must be greater than or equal to the number of stages "
                f"({stage.num_stages})."
            )

    def _order(self, has_backward):
        stage, n = self._stage, self._n_microbatches
        first = min(n, stage.num_stages - stage.stage_index) if has_backward else n
        sends = []
        for i in range(first):
            self._exchange(stage.receives_inputs(i))
            self._forward(i)
            self._exchange(sends)
            sends = stage.sends_outputs(i)
        for i in range(n if has_backward else 0):
            self._exchange(sends + stage.receives_gradients(i))
            self._backward(i)
            returns = stage.sends_gradients(i)
            if i + first < n:
                self._exchange(returns + stage.receives_inputs(i + first))
                self._forward(i + first)
                sends = stage.sends_outputs(i + first)
            else:
                self._exchange(returns)
                sends = []
        self._exchange(sends)
