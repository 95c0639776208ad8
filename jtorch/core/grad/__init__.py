"""The graph of gradients and the backward pass through it.

Knows recorded calls and values. Does not know tensors."""

from jtorch.core.grad import nodes, versions
from jtorch.core.grad.backward import AS_VALUES, BackwardPass, Carrier, Seed, backward_pass
from jtorch.core.grad.edges import Leaf, Output, edge_of, source
from jtorch.core.grad.mode import (
    enable_grad,
    grad_enabled,
    inference_mode,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
    watchers,
)
from jtorch.core.grad.nodes import (
    FREED,
    InPlaceNode,
    GradNode,
    NodeHooks,
    RELEASED,
    add_gradients,
    check_replacement,
    full_value,
    nodes_behind,
)
from jtorch.core.grad.overwritten import note_other_view, note_overwritten, overwritten
from jtorch.core.grad.unseen import SharedArray, last_mark, moved_version
from jtorch.core.grad.versions import INFERENCE, UnseenVersion, at_offset, link_marks, shown

__all__ = [
    "AS_VALUES",
    "FREED",
    "INFERENCE",
    "RELEASED",
    "BackwardPass",
    "Carrier",
    "GradNode",
    "InPlaceNode",
    "Leaf",
    "NodeHooks",
    "Output",
    "Seed",
    "SharedArray",
    "UnseenVersion",
    "add_gradients",
    "at_offset",
    "backward_pass",
    "check_replacement",
    "edge_of",
    "enable_grad",
    "full_value",
    "grad_enabled",
    "inference_mode",
    "is_inference_mode_enabled",
    "last_mark",
    "link_marks",
    "moved_version",
    "no_grad",
    "nodes",
    "nodes_behind",
    "note_other_view",
    "note_overwritten",
    "overwritten",
    "set_grad_enabled",
    "shown",
    "source",
    "versions",
    "watchers",
]
