"""The graph of gradients and the backward pass through it.

Knows recorded calls and values. Does not know tensors."""

from jtorch.core.grad import nodes
from jtorch.core.grad.backward import PLAIN, Running, Seed, Walk, backward
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
    INFERENCE,
    InPlaceNode,
    Leaf,
    Node,
    NodeHooks,
    Output,
    RELEASED,
    behind,
    check_replacement,
    edge_of,
    filled,
    overwritten,
    sign_relooked,
    source,
)

__all__ = [
    "FREED",
    "INFERENCE",
    "PLAIN",
    "RELEASED",
    "InPlaceNode",
    "Leaf",
    "Node",
    "NodeHooks",
    "Output",
    "Running",
    "Seed",
    "Walk",
    "backward",
    "behind",
    "check_replacement",
    "edge_of",
    "enable_grad",
    "filled",
    "grad_enabled",
    "inference_mode",
    "is_inference_mode_enabled",
    "no_grad",
    "nodes",
    "overwritten",
    "set_grad_enabled",
    "sign_relooked",
    "source",
    "watchers",
]
