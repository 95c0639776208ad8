"""The states of a model and its optimizers. Each process has them whole, so they are those of the model and optimizer."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["StateDictOptions", "get_model_state_dict", "get_optimizer_state_dict", "set_model_state_dict",
           "set_optimizer_state_dict"]  # fmt: skip


@dataclass
class StateDictOptions:
    """How states would be gathered; only `strict` has an effect."""

    full_state_dict: bool = False
    cpu_offload: bool = False
    ignore_frozen_params: bool = False
    keep_submodule_prefixes: bool = True
    strict: bool = True
    broadcast_from_rank0: bool = False
    flatten_optimizer_state_dict: bool = False


def get_model_state_dict(model, *, submodules=None, options=None) -> dict:
    """`model.state_dict()`."""
    return model.state_dict()


def set_model_state_dict(model, model_state_dict, *, options=None):
    """`model.load_state_dict(...)`."""
    return model.load_state_dict(model_state_dict, strict=options is None or options.strict)


def get_optimizer_state_dict(model, optimizers, *, submodules=None, options=None) -> dict:
    """The state of one optimizer. Differs from torch: parameters have numbers, not names."""
    return optimizers.state_dict()


def set_optimizer_state_dict(model, optimizers, optim_state_dict, *, options=None) -> None:
    """Load what `get_optimizer_state_dict` gave."""
    optimizers.load_state_dict(optim_state_dict)
