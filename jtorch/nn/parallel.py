"""`torch.nn.parallel`: one model on several devices of one machine, as far as programs name it."""

from __future__ import annotations

from jtorch.nn.module import Module


class DataParallel(Module):
    """The module itself, under the name `module`.

    Differs from torch:
        the batch is not split: it is computed where its tensors are, as PyTorch does with one device. The results
        are the same, but for the statistics of a BatchNorm, which here are of the whole batch.
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0):
        super().__init__()
        self.dim = dim
        self.module = module
        self.device_ids = list(device_ids or [])
        self.output_device = output_device

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)


def data_parallel(module, inputs, device_ids=None, output_device=None, dim=0, module_kwargs=None):
    """`module(*inputs)`; see `DataParallel`."""
    return module(*(inputs if isinstance(inputs, tuple) else (inputs,)), **(module_kwargs or {}))
