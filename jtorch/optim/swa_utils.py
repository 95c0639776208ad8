"""`torch.optim.swa_utils`: averages of a model over its training, and the schedule that goes with them."""

from __future__ import annotations

import itertools
import math
import warnings
from copy import deepcopy

from jtorch.core.facts import dtypes
from jtorch.core.grad import no_grad
from jtorch.core.tensor import tensor
from jtorch.nn.modules.batchnorm import _BatchNorm
from jtorch.nn.modules.module import Module
from jtorch.optim.lr_scheduler import LRScheduler

__all__ = ["SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn",
           "update_bn"]  # fmt: skip


def get_ema_multi_avg_fn(decay=0.999):
    """A function (averages, parameters, count) that moves each average by 1 - decay of the way, in place."""
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
    """A function (averages, parameters, count) that takes the parameters into equal averages, in place."""

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
        use_buffers: average the buffers, too; else they are copied.

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
        """Take the model's present parameters into the averages; the first time, copy them."""
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
        self.n_averaged._assign(tensor(count + 1, device=self.n_averaged.device)._value, None)  # nothing to wait for

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
    """Work out the running statistics of a model's batch norms anew, from one pass over the data.

    Args:
        loader: gives batches: tensors, or lists whose first item is what the model takes.
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
    """Each rate goes from where it is to swa_lr, and stays there.

    Args:
        optimizer: whose rates to set.
        swa_lr: the last rate, for all groups or one for each.
        anneal_epochs: steps on the way, >= 0.
        anneal_strategy: "cos" or "linear".
        last_epoch: the step to resume after; -1 from the start.
    """

    def __init__(self, optimizer, swa_lr, anneal_epochs=10, anneal_strategy="cos", last_epoch=-1):
        rates = list(swa_lr) if isinstance(swa_lr, list | tuple) else [swa_lr] * len(optimizer.param_groups)
        if len(rates) != len(optimizer.param_groups):
            raise ValueError(
                f"swa_lr must have the same length as optimizer.param_groups. swa_lr has {len(rates)} values,"
                f" param_groups has {len(optimizer.param_groups)}."
            )
        for rate, group in zip(rates, optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _way(self, t):
        return (1 - math.cos(math.pi * t)) / 2 if self._anneal_strategy == "cos" else t

    def get_lr(self):
        """The rates for step number `last_epoch`, from the present ones."""
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.",
                UserWarning,
                stacklevel=2,
            )
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before = self._way(max(0, min(1, (step - 1) / max(1, self.anneal_epochs))))
        now = self._way(max(0, min(1, step / max(1, self.anneal_epochs))))
        return [
            group["swa_lr"] * now + _start(group["lr"], group["swa_lr"], before) * (1 - now)
            for group in self.optimizer.param_groups
        ]


def _start(lr, swa_lr, way):
    """The rate at the beginning, from the one part of the way towards swa_lr."""
    return swa_lr if way == 1 else (lr - way * swa_lr) / (1 - way)
