"""`torch.jit.annotations`: the types that code for TorchScript is annotated with. They are Python's."""

from typing import Any, Dict, List, Optional, Tuple, Union  # noqa: UP035 - these names are what is imported from here

from jtorch.core.tensor import Tensor

__all__ = ["Any", "BroadcastingList1", "BroadcastingList2", "BroadcastingList3", "Dict", "List", "Optional", "Tensor", "Tuple",
           "Union"]  # fmt: skip


class BroadcastingList:
    """`BroadcastingList2[int]`: one number, or as many as it says."""

    def __class_getitem__(cls, kind):
        return kind


BroadcastingList1 = BroadcastingList2 = BroadcastingList3 = BroadcastingList
