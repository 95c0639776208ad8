"""Tensor: a storage, the view of it, and the place in the graph of gradients.

Does no mathematics: every op is applied through `apply`."""

from jtorch.core.tensor import convert, graph_view, printing
from jtorch.core.tensor.casting import cast, cast_array, warn_of_real
from jtorch.core.tensor.convert import (
    as_tensor,
    from_jax,
    from_numpy,
    known,
    rebuild_tensor,
    tensor,
    to_jax,
    to_place,
)
from jtorch.core.tensor.from_data import host_array
from jtorch.core.tensor.graph_view import Shown, _entry, show
from jtorch.core.tensor.levels import Batch, Dual, zeros_of
from jtorch.core.tensor.printing import set_printoptions
from jtorch.core.tensor.run_backward import run_backward
from jtorch.core.tensor.storage import (
    HostStorage,
    InferenceStorage,
    SAME,
    SEVERAL,
    Storage,
    ViewCall,
    type_of_array,
    write_all,
    write_of,
)
from jtorch.core.tensor.subclass import (
    DisableTorchFunctionSubclass,
    PLAIN,
    TorchFunctionMode,
    _DISABLED,
    hand_over,
    taken_over,
    wanted,
)
from jtorch.core.tensor.tensor import LeafGrad, Tensor, apply, make_nodes, requiring, wrap, wrap_dim
from jtorch.core.tensor.writing import check_apart, check_once, check_undifferentiated, overwrite, store, write_result

__all__ = [
    "PLAIN",
    "SAME",
    "SEVERAL",
    "_DISABLED",
    "Batch",
    "DisableTorchFunctionSubclass",
    "Dual",
    "HostStorage",
    "InferenceStorage",
    "LeafGrad",
    "Shown",
    "Storage",
    "Tensor",
    "TorchFunctionMode",
    "ViewCall",
    "_entry",
    "apply",
    "as_tensor",
    "cast",
    "cast_array",
    "check_apart",
    "check_once",
    "check_undifferentiated",
    "convert",
    "from_jax",
    "from_numpy",
    "graph_view",
    "hand_over",
    "host_array",
    "known",
    "make_nodes",
    "overwrite",
    "printing",
    "rebuild_tensor",
    "requiring",
    "run_backward",
    "set_printoptions",
    "show",
    "store",
    "taken_over",
    "tensor",
    "to_jax",
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
