"""Tensor: a storage, the view of it, and the place in the graph of gradients.

Does no mathematics: every op is applied through `apply`."""

from jtorch.core.tensor import graph_view, inference, printing  # `inference` registers with `grad.watchers`
from jtorch.core.tensor.captured import InputNode, running, batched_like, escapes_batch, may_write
from jtorch.core.tensor.casting import cast, cast_array, warn_of_real
from jtorch.core.tensor.convert import as_tensor, from_numpy, known, rebuild_tensor, tensor, to_place
from jtorch.core.tensor.from_data import host_array
from jtorch.core.tensor.graph_view import ShownNode, next_function, show
from jtorch.core.tensor.host_storage import HostStorage, share, stay, type_of_array
from jtorch.core.tensor.jax_arrays import tensor_from_jax, jax_array_of
from jtorch.core.tensor.leaf import LeafGrad
from jtorch.core.tensor.levels import Batch, BatchedCall, Dual, PushCall, zeros_of
from jtorch.core.tensor.printing import set_printoptions
from jtorch.core.tensor.repr import print_unnamed
from jtorch.core.tensor.requires_grad import count_move, moves, note_move
from jtorch.core.tensor.start_backward import after_backward, run_backward
from jtorch.core.tensor.steps import steps_to
from jtorch.core.tensor.storage import InferenceStorage, SAME, Storage, other_users, write_all
from jtorch.core.tensor.subclass import (
    DISABLED,
    DisableTorchFunctionSubclass,
    TorchFunctionMode,
    hand_over,
    overridable,
    wanted,
)
from jtorch.core.tensor.tensor import (
    PLAIN,
    OVERRIDERS,
    Tensor,
    apply,
    attach,
    make_nodes,
    part_of_tensor,
    requiring,
    wrap,
    wrap_dim,
)
from jtorch.core.tensor.views import IN_INFERENCE, NO_GRAD, SEVERAL, ViewCall, write_of
from jtorch.core.tensor.writing import check_apart, check_once, check_undifferentiated, overwrite, write_result

__all__ = [
    "DISABLED",
    "IN_INFERENCE",
    "NO_GRAD",
    "OVERRIDERS",
    "PLAIN",
    "SAME",
    "SEVERAL",
    "Batch",
    "BatchedCall",
    "DisableTorchFunctionSubclass",
    "Dual",
    "HostStorage",
    "InferenceStorage",
    "InputNode",
    "LeafGrad",
    "PushCall",
    "ShownNode",
    "Storage",
    "Tensor",
    "TorchFunctionMode",
    "ViewCall",
    "after_backward",
    "apply",
    "as_tensor",
    "attach",
    "batched_like",
    "cast",
    "cast_array",
    "check_apart",
    "check_once",
    "check_undifferentiated",
    "count_move",
    "escapes_batch",
    "from_numpy",
    "graph_view",
    "hand_over",
    "host_array",
    "jax_array_of",
    "known",
    "make_nodes",
    "may_write",
    "moves",
    "next_function",
    "note_move",
    "other_users",
    "overridable",
    "overwrite",
    "part_of_tensor",
    "print_unnamed",
    "printing",
    "rebuild_tensor",
    "requiring",
    "run_backward",
    "running",
    "set_printoptions",
    "share",
    "show",
    "stay",
    "steps_to",
    "tensor",
    "tensor_from_jax",
    "to_place",
    "type_of_array",
    "wanted",
    "warn_of_real",
    "wrap",
    "wrap_dim",
    "write_all",
    "write_of",
    "write_result",
    "zeros_of",
]
