"""The states of a model and of its optimizers by the names of parameters, however the model is wrapped or cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from jtorch.core.grad import no_grad
from jtorch.core.ops.make.create import empty
from jtorch.core.tensor import Tensor
from jtorch.distributed._c10d.object_collectives import broadcast_object_list
from jtorch.distributed._c10d.process_groups import get_rank, get_world_size, is_initialized
from jtorch.distributed.device_mesh import DeviceMesh
from jtorch.distributed.tensor import DTensor
from jtorch.distributed.tensor._api import made_of, part_here, sent_from_first
from jtorch.nn.modules.module import Module
from jtorch.optim._functional.transform_optimizer import TransformOptimizer

__all__ = ["StateDictOptions", "get_model_state_dict", "get_optimizer_state_dict", "get_state_dict", "set_model_state_dict",
           "set_optimizer_state_dict", "set_state_dict"]  # fmt: skip

_WRAPPERS = ("_fsdp_wrapped_module", "_orig_mod", "_checkpoint_wrapped_module")


@dataclass
class StateDictOptions:
    """Options of the functions of this file.

    Attributes:
        full_state_dict: give whole tensors instead of DTensors.
        cpu_offload: give tensors on the CPU; with `full_state_dict` only rank 0 gets them.
        ignore_frozen_params: leave out parameters that require no gradient.
        strict: whether every name must be there.
        broadcast_from_rank0: take whole tensors from rank 0; the other processes give an empty dict.
        flatten_optimizer_state_dict: "state.NAME.exp_avg" and "param_groups.NAME.lr" in place of nested dicts.
    """

    full_state_dict: bool = False
    cpu_offload: bool = False
    ignore_frozen_params: bool = False
    keep_submodule_prefixes: bool = True
    strict: bool = True
    broadcast_from_rank0: bool = False
    flatten_optimizer_state_dict: bool = False
    dsd_fqn_modifiers: str = "_fqn_modifiers"


class StateDicts(NamedTuple):
    """The state_dicts of a model and of its optimizers."""

    model: dict
    optimizer: dict


def _clean(name, model):
    """The name of a parameter, without the parts that wrappers add."""
    parts, at, kept = name.split("."), model, []
    for part in parts:
        wraps = part in _WRAPPERS or (
            part == "module" and type(at).__name__ in ("DistributedDataParallel", "DataParallel")
        )
        if not wraps:
            kept.append(part)
        at = getattr(at, part, None)
    return ".".join(kept)


def _raw_names(model):
    """{name in a state_dict of these functions: name in the model} of parameters and buffers."""
    return {_clean(name, model): name for name, _ in [*model.named_parameters(), *model.named_buffers()]}


def _options_given(options, submodules=None):
    if submodules:
        raise NotImplementedError("torch.distributed.checkpoint.state_dict: submodules")
    return StateDictOptions() if options is None else options


def _given(value, options):
    """A value of a state_dict in the form that the options ask for."""
    if not isinstance(value, Tensor):
        return value
    if options.full_state_dict and isinstance(value, DTensor):
        value = value.full_tensor()
    return value.cpu() if options.cpu_offload else value


def _leaves_out(options):
    return options.full_state_dict and options.cpu_offload and is_initialized() and get_rank() != 0


def get_model_state_dict(model, *, submodules=None, options=None) -> dict:
    """The state_dict of a model. Parameters that are cut are DTensors, or whole tensors with `full_state_dict`.

    Raises:
        NotImplementedError: `submodules`.
    """
    options = _options_given(options, submodules)
    frozen = {_clean(n, model) for n, p in model.named_parameters() if not p.requires_grad}
    made = {}
    for name, value in _own_state(model).items():
        if not (options.ignore_frozen_params and name in frozen):
            made[name] = _given(value, options)
    return {} if _leaves_out(options) else made


def _own_state(model):
    """The state_dict under clean names, with DTensors."""
    named = dict(model.named_parameters()) | dict(model.named_buffers())
    for part in model.modules():
        if type(part).get_extra_state is not Module.get_extra_state:
            raise NotImplementedError(
                f"torch.distributed.checkpoint.state_dict: the extra state of {type(part).__name__}"
            )
    made = {}
    for name in _state_names(model):
        value = named.get(name)
        made[_clean(name, model)] = value.detach() if isinstance(value, Tensor) else value
    return made


def _state_names(model):
    """The names that a state_dict has: parameters and persistent buffers, shared ones under each name."""
    for prefix, part in model.named_modules(remove_duplicate=False):
        at = f"{prefix}." if prefix else ""
        yield from [at + n for n, p in part._parameters.items() if p is not None]
        yield from [
            at + n for n, b in part._buffers.items() if b is not None and n not in part._non_persistent_buffers_set
        ]


def set_model_state_dict(model, model_state_dict, *, options=None):
    """Load what `get_model_state_dict` gave.

    Returns:
        (missing_keys, unexpected_keys).
    """
    options = _options_given(options)
    own = _own_state(model)
    state = _from_rank0(model_state_dict, own) if options.broadcast_from_rank0 else dict(model_state_dict)
    state = {name: _in_parts_of(value, own.get(name)) for name, value in state.items()}
    missing, unexpected = [n for n in own if n not in state], [n for n in state if n not in own]
    if options.strict and (missing or unexpected):
        named = lambda names: ", ".join(f'"{n}"' for n in names)
        text = [f"Missing key(s) in state_dict: {named(missing)}. "] * bool(missing)
        text += [f"Unexpected key(s) in state_dict: {named(unexpected)}. "] * bool(unexpected)
        raise RuntimeError("\n\t".join([f"Error(s) in loading state_dict for {type(model).__name__}:", *text]))
    with no_grad():
        for name, value in state.items():
            if name in own:
                if own[name].shape != value.shape:
                    raise RuntimeError(f"size mismatch for {name}: {tuple(value.shape)} for {tuple(own[name].shape)}")
                own[name].copy_(value)
    return type(model.load_state_dict({}, strict=False))(missing, unexpected)


def _in_parts_of(value, own):
    """A whole tensor, cut as the one that it replaces."""
    if (
        isinstance(own, DTensor)
        and isinstance(value, Tensor)
        and not isinstance(value, DTensor)
        and value.shape == own.shape
    ):
        with no_grad():
            part = part_here(value.detach().to(own.device), own._mesh, own._placements)
        return made_of(part, own._mesh, own._placements, own.shape)
    return value


def _from_rank0(state, like):
    """The values of rank 0, in all processes."""
    if not is_initialized() or get_world_size() == 1:
        return dict(state)
    whole = {k: (tuple(v.shape), v.dtype) if isinstance(v, Tensor) else v for k, v in state.items()}
    told = [whole]
    broadcast_object_list(told, 0)
    mesh = DeviceMesh("cpu", list(range(get_world_size())))
    made = {}
    for name, what in told[0].items():
        if not (isinstance(what, tuple) and len(what) == 2 and isinstance(what[0], tuple)):
            made[name] = what
            continue
        shape, dtype = what
        mine = state[name] if get_rank() == 0 else empty(shape, dtype=dtype)
        made[name] = sent_from_first(mine.full_tensor() if isinstance(mine, DTensor) else mine.detach(), mesh, 0)
    return made


# ---- optimizers


def _as_list(optimizers):
    return list(optimizers) if isinstance(optimizers, list | tuple) else [optimizers]


def _parameter_names(model):
    return {id(p): _clean(name, model) for name, p in model.named_parameters()}


def _with_states(optimizer):
    """The optimizer. If it has no states yet they are made, so that there is something to load into."""
    if not optimizer.state and isinstance(optimizer, TransformOptimizer):
        optimizer.make_states()
        for p in [p for p in optimizer.state if not optimizer.state[p]]:
            del optimizer.state[p]
    return optimizer


def get_optimizer_state_dict(model, optimizers, *, submodules=None, options=None) -> dict:
    """The states of optimizers, by the names of parameters: {"state": {name: {...}}, "param_groups": [...]}.

    An optimizer that has made no step gets its first states, so that a checkpoint can be loaded into them.
    """
    options = _options_given(options, submodules)
    names = _parameter_names(model)
    state, groups = {}, []
    for optimizer in _as_list(optimizers):
        _with_states(optimizer)
        for group in optimizer.param_groups:
            held = [p for p in group["params"] if p.requires_grad or not options.ignore_frozen_params]
            groups.append({**{k: v for k, v in group.items() if k != "params"}, "params": [names[id(p)] for p in held]})
            for p in held:
                if optimizer.state.get(p):
                    state[names[id(p)]] = {k: _given(v, options) for k, v in optimizer.state[p].items()}
    made = {"state": state, "param_groups": groups}
    if _leaves_out(options):
        return {}
    return _flat(made) if options.flatten_optimizer_state_dict else made


def _flat(state):
    made = {f"state.{name}.{k}": v for name, held in state["state"].items() for k, v in held.items()}
    for group in state["param_groups"]:
        for name in group["params"]:
            made.update({f"param_groups.{name}.{k}": v for k, v in group.items() if k != "params"})
    return made


def _nested(flat, model, optimizers):
    """Undo `_flat`, with the groups that the optimizers have."""
    names = _parameter_names(model)
    state, groups = {}, []
    for optimizer in _as_list(optimizers):
        for group in optimizer.param_groups:
            held = [names[id(p)] for p in group["params"]]
            groups.append(
                {"params": held}
                | {k: flat.get(f"param_groups.{held[0]}.{k}", v) for k, v in group.items() if k != "params"}
            )
            for name in held:
                at = f"state.{name}."
                found = {k.removeprefix(at): v for k, v in flat.items() if k.startswith(at)}
                if found:
                    state[name] = found
    return {"state": state, "param_groups": groups}


def set_optimizer_state_dict(model, optimizers, optim_state_dict, *, options=None) -> None:
    """Load what `get_optimizer_state_dict` gave.

    Raises:
        KeyError: with `strict`, a parameter is in no group of the state_dict.
    """
    options = _options_given(options)
    if options.broadcast_from_rank0 and is_initialized() and get_world_size() > 1:
        flat = _flat(optim_state_dict) if "param_groups" in optim_state_dict else dict(optim_state_dict)
        optim_state_dict = _nested(_from_rank0(flat, None), model, optimizers)
    elif "param_groups" not in optim_state_dict:
        optim_state_dict = _nested(optim_state_dict, model, optimizers)
    names = _parameter_names(model)
    of_name = {name: group for group in optim_state_dict["param_groups"] for name in group["params"]}
    for optimizer in _as_list(optimizers):
        state, groups, number = {}, [], 0
        for group in optimizer.param_groups:
            numbers = []
            for p in group["params"]:
                held = optim_state_dict["state"].get(names[id(p)])
                if held:
                    state[number] = {k: _in_parts_of(v, p) for k, v in held.items()}
                numbers.append(number)
                number += 1
            first = names[id(group["params"][0])]
            if options.strict and first not in of_name:
                raise KeyError(f"{first} has no group in the optimizer's state_dict")
            saved = of_name.get(first, group)
            groups.append({**{k: v for k, v in saved.items() if k != "params"}, "params": numbers})
        optimizer.load_state_dict({"state": state, "param_groups": groups})


def get_state_dict(model, optimizers, *, submodules=None, options=None) -> StateDicts:
    """Both: (`get_model_state_dict`, `get_optimizer_state_dict`)."""
    return StateDicts(
        get_model_state_dict(model, submodules=submodules, options=options),
        get_optimizer_state_dict(model, optimizers, submodules=submodules, options=options),
    )


def set_state_dict(model, optimizers, *, model_state_dict, optim_state_dict, options=None):
    """Load both. Returns what `set_model_state_dict` does."""
    found = set_model_state_dict(model, model_state_dict, options=options)
    if _as_list(optimizers):
        set_optimizer_state_dict(model, optimizers, optim_state_dict, options=options)
    return found
