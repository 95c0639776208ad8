"""`torch.optim.swa_utils`: averages of a model over its training (SWA, EMA), and the scheduler for them."""

from __future__ import annotations

import itertools
import math
from copy import deepcopy

from jtorch.core.facts import dtypes
from jtorch.core.grad import no_grad
from jtorch.core.tensor import tensor
from jtorch.nn.modules.batchnorm import _BatchNorm
from jtorch.nn.modules.module import Module
from jtorch.optim.lr_scheduler import LRScheduler
from jtorch.optim.lr_scheduler.base import per_group

__all__ = ["SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn",
           "update_bn"]  # fmt: skip


def get_ema_multi_avg_fn(decay=0.999):
    """A function (averages, parameters, count) that updates exponential averages in place."""
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param_list, current_param_list, _):
        for average, p in zip(ema_param_list, current_param_list, strict=True):
            if average.is_floating_point() or average.is_complex():
                average.lerp_(p, 1 - decay)
            else:
                average.copy_(average * decay + p * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn():
    """A function (averages, parameters, count) that updates averages of equal weights in place."""

    @no_grad()
    def swa_update(averaged_param_list, current_param_list, num_averaged):
        for average, p in zip(averaged_param_list, current_param_list, strict=True):
            if average.is_floating_point() or average.is_complex():
                average.add_((p - average) * (1 / (num_averaged + 1)))
            else:
                average.copy_(average + (p - average) / (num_averaged + 1))

    return swa_update


def get_ema_avg_fn(decay=0.999):
    """A function (average, parameter, count) -> decay * average + (1 - decay) * parameter."""
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param, current_param, num_averaged):
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn():
    """A function (average, parameter, count) -> the average of count + 1 parameters."""

    @no_grad()
    def swa_update(averaged_param, current_param, num_averaged):
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def _check_decay(decay):
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of the model's.

    Args:
        model: what to average.
        device: where to keep the copy.
        avg_fn: (average, parameter, number averaged so far) -> new average; default: equal weights.
        multi_avg_fn: the same for lists of them, in place.
        use_buffers: average the buffers, too; otherwise they are copied.

    >>> model = torch.nn.Linear(2, 1)
    >>> ema = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    >>> ema.update_parameters(model); ema.n_averaged
    tensor(1)
    """

    def __init__(self, model, device=None, avg_fn=None, multi_avg_fn=None, use_buffers=False):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=dtypes.int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args, **kwargs):
        return self.module(*args, **kwargs)

    @no_grad()
    def update_parameters(self, model):
        """Update the averages with the model's current parameters. The first time, copy the parameters."""
        pairs = [
            (a.detach(), p.detach().to(a.device))
            for a, p in zip(self._seen(self.module), self._seen(model), strict=False)
        ]
        count = int(self.n_averaged)
        if count == 0:
            for average, p in pairs:
                average.copy_(p)
        elif self.avg_fn is None:
            self._update_lists(pairs)
        else:
            for average, p in pairs:
                average.copy_(self.avg_fn(average, p, self.n_averaged.to(average.device)))
        if not self.use_buffers:
            for mine, theirs in zip(self.module.buffers(), model.buffers(), strict=True):
                mine.detach().copy_(theirs.detach().to(mine.device))
        self.n_averaged._assign(tensor(count + 1, device=self.n_averaged.device)._value, None)  # without a graph

    def _seen(self, model):
        return itertools.chain(model.parameters(), model.buffers()) if self.use_buffers else model.parameters()

    def _update_lists(self, pairs):
        update = self.multi_avg_fn or get_swa_multi_avg_fn()
        alike = {}
        for average, p in pairs:
            alike.setdefault((average.device, average.dtype), []).append((average, p))
        for (device, _), group in alike.items():
            update([a for a, _ in group], [p for _, p in group], self.n_averaged.to(device))


@no_grad()
def update_bn(loader, model, device=None):
    """Compute the running statistics of a model's batch norms from one pass over the data.

    Args:
        loader: an iterable of batches: tensors, or lists whose first item is the model's input.
        model: what to update.
        device: where to move each batch.
    """
    momenta = {m: m.momentum for m in model.modules() if isinstance(m, _BatchNorm)}
    if not momenta:
        return
    for m in momenta:
        m.reset_running_stats()
        m.momentum = None
    was_training = model.training
    model.train()
    for batch in loader:
        batch = batch[0] if isinstance(batch, list | tuple) else batch
        model(batch if device is None else batch.to(device))
    for m, momentum in momenta.items():
        m.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """From the current learning rate of each group to swa_lr, which it keeps.

    Args:
        optimizer: the optimizer whose learning rates are set.
        swa_lr: the last learning rate, one for all groups or a list.
        anneal_epochs: the number of steps from the first to the last learning rate, >= 0.
        anneal_strategy: "cos" or "linear".
        last_epoch: see LRScheduler.

    >>> optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    >>> scheduler = torch.optim.swa_utils.SWALR(optimizer, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
    >>> for _ in range(2):
    ...     optimizer.step()
    ...     scheduler.step()
    ...     print(optimizer.param_groups[0]["lr"])
    0.75
    0.5
    """

    def __init__(self, optimizer, swa_lr, anneal_epochs=10, anneal_strategy="cos", last_epoch=-1):
        for rate, group in zip(per_group("swa_lr", optimizer, swa_lr), optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _fraction(self, t):
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def get_lr(self):
        """The learning rates for the current step, computed from the current ones."""
        self._warn_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before = self._fraction(max(0, min(1, (step - 1) / max(1, self.anneal_epochs))))
        now = self._fraction(max(0, min(1, step / max(1, self.anneal_epochs))))
        return [
            group["swa_lr"] * now + _first_lr(group["lr"], group["swa_lr"], before) * (1 - now)
            for group in self.optimizer.param_groups
        ]


def _first_lr(lr, swa_lr, fraction):
    """The learning rate at the start, from `lr` = start + fraction * (swa_lr - start)."""
    return swa_lr if fraction == 1 else (lr - fraction * swa_lr) / (1 - fraction)
