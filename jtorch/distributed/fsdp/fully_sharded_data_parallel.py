"""`FullyShardedDataParallel`: a wrapper around a module whose parameters are cut. `fully_shard` needs no wrapper."""

from __future__ import annotations

import contextlib
import enum
from itertools import chain

from jtorch.core.grad import no_grad
from jtorch.distributed._c10d import recording
from jtorch.distributed._c10d.process_groups import default_group, get_rank
from jtorch.distributed.device_mesh import DeviceMesh
from jtorch.distributed.fsdp._fully_shard import cast_floats, gather_around, is_managed, owners_of
from jtorch.distributed.fsdp._parameters import DataMesh, ParameterGroup, Sharded
from jtorch.distributed.fsdp.api import (
    BackwardPrefetch,
    CPUOffload,
    FullOptimStateDictConfig,
    FullStateDictConfig,
    MixedPrecision,
    MixedPrecisionPolicy,
    ShardedOptimStateDictConfig,
    ShardedStateDictConfig,
    ShardingStrategy,
    StateDictSettings,
    StateDictType,
)
from jtorch.distributed.fsdp.wrap import wrap_children
from jtorch.distributed.tensor._api import DTensor, distribute_tensor
from jtorch.nn.modules.module import Module
from jtorch.nn.utils.clip_grad import clip_grad_norm_

__all__ = [
    "CPUOffload",
    "FullyShardedDataParallel",
    "MixedPrecision",
    "OptimStateKeyType",
    "ShardingStrategy",
    "StateDictType",
]

_INNER = "_fsdp_wrapped_module."
_COPIES = (ShardingStrategy.HYBRID_SHARD, ShardingStrategy._HYBRID_SHARD_ZERO2)


class OptimStateKeyType(enum.Enum):
    """How an optimizer's state_dict names parameters."""

    PARAM_NAME = 1
    PARAM_ID = 2


class FullyShardedDataParallel(Module):
    """A module of whose parameters, gradients and optimizer state each process keeps a part.

    Args:
        module: the wrapped module. Its parameters become DTensors; make the optimizer afterwards.
        process_group: the processes; None: all; for HYBRID_SHARD (group with the other parts, group with copies of this part).
        sharding_strategy: a `ShardingStrategy`; default: FULL_SHARD.
        auto_wrap_policy: which submodules are wrapped too, so that their parameters are gathered separately.
        mixed_precision: a `MixedPrecision`.
        ignored_modules, ignored_states: modules and parameters that are not cut.
        param_init_fn: function (module), called for each module with parameters on the meta device.
        sync_module_states: replace parameters and buffers by those of rank 0 at the start.
        device_id: the device that the module is moved to.
        device_mesh: the processes as a mesh, in place of `process_group`.
        backward_prefetch, forward_prefetch, limit_all_gathers, use_orig_params: have no effect.

    Raises:
        ValueError: there is no process group, or HYBRID_SHARD without groups or a mesh of two dimensions.
        NotImplementedError: `cpu_offload` of parameters, LOCAL_STATE_DICT.

    Differs from torch: `parameters()` gives the module's own, as DTensors, where PyTorch joins them to one flat parameter
    (`use_orig_params=False`) or shows flat parts (True). So optimizers may treat them differently.
    """

    def __init__(
        self,
        module,
        process_group=None,
        sharding_strategy=None,
        cpu_offload=None,
        auto_wrap_policy=None,
        backward_prefetch=BackwardPrefetch.BACKWARD_PRE,
        mixed_precision=None,
        ignored_modules=None,
        param_init_fn=None,
        device_id=None,
        sync_module_states=False,
        forward_prefetch=False,
        limit_all_gathers=True,
        use_orig_params=False,
        ignored_states=None,
        device_mesh=None,
    ):
        super().__init__()
        if cpu_offload is not None and cpu_offload.offload_params:
            raise NotImplementedError("FullyShardedDataParallel: CPUOffload(offload_params=True)")
        strategy = sharding_strategy or ShardingStrategy.FULL_SHARD
        self.sharding_strategy, self.mixed_precision = strategy, mixed_precision or MixedPrecision()
        self.process_group = default_group() if process_group is None else process_group
        left = list(ignored_states or ())
        modules = [
            m for one in chain(ignored_modules or (), [s for s in left if isinstance(s, Module)]) for m in one.modules()
        ]
        ignored = {id(p) for m in modules for p in m.parameters()} | {id(p) for p in left if not isinstance(p, Module)}
        skipped = {id(m) for m in modules}
        if auto_wrap_policy is not None:
            options = {
                "process_group": process_group, "sharding_strategy": sharding_strategy, "mixed_precision": mixed_precision,
                "param_init_fn": param_init_fn, "device_id": device_id, "sync_module_states": sync_module_states,
                "use_orig_params": use_orig_params, "ignored_states": ignored_states, "device_mesh": device_mesh,
            }  # fmt: skip
            wrap_children(module, auto_wrap_policy, lambda m, **own: type(self)(m, **{**options, **own}), skipped)
        self._fsdp_wrapped_module = module
        data = _data_mesh(module, device_mesh, process_group, strategy)
        self._ready(ignored, param_init_fn, device_id, sync_module_states, data)
        sharded = [Sharded(own, whole, data, 0) for whole, own in owners_of(module, ignored)]
        regathers = strategy in (ShardingStrategy.FULL_SHARD, ShardingStrategy.HYBRID_SHARD)
        mixed = self.mixed_precision
        if mixed.buffer_dtype is not None:
            for part in module.modules():
                for name, buffer in part._buffers.items():
                    part._buffers[name] = None if buffer is None else cast_floats(buffer, mixed.buffer_dtype)
        group = ParameterGroup(sharded, data, mixed.param_dtype, mixed.reduce_dtype or mixed.param_dtype, regathers)
        cast = mixed.cast_forward_inputs or mixed.cast_root_forward_inputs
        gather_around(self, group, MixedPrecisionPolicy(mixed.param_dtype, cast_forward_inputs=cast))
        self._settings = StateDictSettings(
            StateDictType.FULL_STATE_DICT, FullStateDictConfig(), FullOptimStateDictConfig()
        )
        self._register_state_dict_hook(_give_state)
        self._register_load_state_dict_pre_hook(_take, with_module=True)

    def _ready(self, ignored, param_init_fn, device_id, sync, data):
        module = self._fsdp_wrapped_module
        for part in module.modules():
            own = [p for p in part._parameters.values() if p is not None and not isinstance(p, DTensor)]
            if any(p.is_meta for p in own):
                if param_init_fn is not None:
                    param_init_fn(part)
                else:
                    part.to_empty(device=data.mesh.device_type, recurse=False)
                    if hasattr(part, "reset_parameters"):
                        part.reset_parameters()
        if device_id is not None:
            module.to(device_id if not isinstance(device_id, int) else f"{data.mesh.device_type}:{device_id}")
        tensors = [
            t
            for t in chain(module.parameters(), module.buffers())
            if not isinstance(t, DTensor) and id(t) not in ignored
        ]
        ranks = tuple([int(r) for r in data.mesh._ranks.reshape(-1)])
        if sync and tensors and len(ranks) > 1:
            made = recording.record_collective(recording.broadcast_arrays, ranks, tensors, source=0)
            for tensor, new in zip(tensors, made if isinstance(made, tuple) else (made,), strict=True):
                recording.write(tensor, new)

    @property
    def module(self):
        """The wrapped module."""
        return self._fsdp_wrapped_module

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("_fsdp_wrapped_module"), name)

    def __getitem__(self, key):
        return self._fsdp_wrapped_module[key]

    def forward(self, *args, **kwargs):
        return self._fsdp_wrapped_module(*args, **kwargs)

    @staticmethod
    def fsdp_modules(module, root_only=False) -> list:
        """The FSDP modules in a module."""
        found = [m for m in module.modules() if isinstance(m, FullyShardedDataParallel)]
        if root_only:
            inside = {id(x) for m in found for x in m.modules() if x is not m}
            found = [m for m in found if id(m) not in inside]
        return found

    def check_is_root(self) -> bool:
        """True: a module does not know whether another FSDP module contains it."""
        return True

    @contextlib.contextmanager
    def no_sync(self):
        """Inside the block each process adds up whole gradients. The next backward pass outside exchanges the sums."""
        groups = [m._fsdp_group_of for m in self.modules() if is_managed(m)]
        for group in groups:
            group.syncs = False
        try:
            yield
        finally:
            for group in groups:
                group.syncs = True

    def clip_grad_norm_(self, max_norm, norm_type=2.0):
        """Scale all gradients so that their norm over all processes is at most `max_norm`. Returns the norm before."""
        total = clip_grad_norm_(self.parameters(), max_norm, norm_type)
        return total.full_tensor() if isinstance(total, DTensor) else total

    @staticmethod
    @contextlib.contextmanager
    def summon_full_params(
        module, recurse=True, writeback=True, rank0_only=False, offload_to_cpu=False, with_grads=False
    ):
        """Inside the block the modules have whole parameters. With `writeback`, what is written to them is kept."""
        if with_grads:
            raise NotImplementedError("FullyShardedDataParallel.summon_full_params: with_grads")
        held = [m for m in (module.modules() if recurse else [module]) if is_managed(m)]
        with no_grad():
            for m in held:
                m._fsdp_group_of.unshard()
        try:
            yield
        finally:
            for m in held:
                group = m._fsdp_group_of
                if writeback:
                    group.write_back()
                group.reshard()

    # ---- state_dict

    @staticmethod
    def set_state_dict_type(
        module, state_dict_type, state_dict_config=None, optim_state_dict_config=None
    ) -> StateDictSettings:
        """Choose how `state_dict` gives parameters. Returns the setting before.

        Raises:
            NotImplementedError: LOCAL_STATE_DICT.
        """
        if state_dict_type is StateDictType.LOCAL_STATE_DICT:
            raise NotImplementedError("FullyShardedDataParallel: LOCAL_STATE_DICT")
        is_full = state_dict_type is StateDictType.FULL_STATE_DICT
        config = state_dict_config or (FullStateDictConfig if is_full else ShardedStateDictConfig)()
        of_optimizer = (
            optim_state_dict_config or (FullOptimStateDictConfig if is_full else ShardedOptimStateDictConfig)()
        )
        held = FullyShardedDataParallel.fsdp_modules(module)
        before = held[0]._settings
        for m in held:
            m._settings = StateDictSettings(state_dict_type, config, of_optimizer)
        return before

    @staticmethod
    def get_state_dict_type(module) -> StateDictSettings:
        """The setting of `set_state_dict_type`."""
        return FullyShardedDataParallel.fsdp_modules(module)[0]._settings

    @staticmethod
    @contextlib.contextmanager
    def state_dict_type(module, state_dict_type, state_dict_config=None, optim_state_dict_config=None):
        """Choose how `state_dict` gives parameters, inside a block."""
        before = FullyShardedDataParallel.set_state_dict_type(
            module, state_dict_type, state_dict_config, optim_state_dict_config
        )
        try:
            yield
        finally:
            for m in FullyShardedDataParallel.fsdp_modules(module):
                m._settings = before

    @staticmethod
    def optim_state_dict(model, optim, optim_state_dict=None, group=None) -> dict:
        """The state of an optimizer, by the names of parameters; whole or in parts as `set_state_dict_type` says."""
        settings = FullyShardedDataParallel.get_state_dict_type(model)
        state = optim.state_dict() if optim_state_dict is None else optim_state_dict
        names = names_by_number(model, optim)
        is_full = settings.state_dict_type is StateDictType.FULL_STATE_DICT
        made = {"state": {names[k]: dict(v) for k, v in state["state"].items()}, "param_groups": []}
        for held in made["state"].values():
            for key, value in held.items():
                held[key] = _gathered_state(value, settings.optim_state_dict_config) if is_full else value
        for g in state["param_groups"]:
            made["param_groups"].append({**g, "params": [names[i] for i in g["params"]]})
        if is_full and settings.optim_state_dict_config.rank0_only and get_rank() != 0:
            return {}
        return made

    @staticmethod
    def optim_state_dict_to_load(
        model, optim, optim_state_dict, is_named_optimizer=False, load_directly=False, group=None
    ) -> dict:
        """What `optim_state_dict` gave, as `optim.load_state_dict` takes it."""
        names = names_by_number(model, optim)
        numbers = {name: i for i, name in names.items()}
        held = dict(enumerate(p for g in optim.param_groups for p in g["params"]))
        state = {
            numbers[name]: {k: in_parts(v, held[numbers[name]]) for k, v in values.items()}
            for name, values in optim_state_dict["state"].items()
        }
        groups = [{**g, "params": [numbers[n] for n in g["params"]]} for g in optim_state_dict["param_groups"]]
        made = {"state": state, "param_groups": groups}
        if load_directly:
            optim.load_state_dict(made)
        return made


def names_by_number(model, optimizer) -> dict:
    """{number of a parameter in an optimizer's state_dict: its name in the model}."""
    names = {id(p): name.replace(_INNER, "") for name, p in model.named_parameters()}
    held = [p for g in optimizer.param_groups for p in g["params"]]
    return {i: names[id(p)] for i, p in enumerate(held)}


def in_parts(value, parameter):
    """A whole tensor of an optimizer's state, cut as its parameter is."""
    if (
        isinstance(parameter, DTensor)
        and hasattr(value, "shape")
        and not isinstance(value, DTensor)
        and value.shape == parameter.shape
    ):
        return distribute_tensor(value, parameter._mesh, parameter._placements, src_data_rank=None)
    return value


def _gathered_state(value, config):
    """The whole tensor of an entry of a state_dict, on the CPU if the options say so."""
    value = value.full_tensor() if isinstance(value, DTensor) else value
    return value.cpu() if hasattr(value, "cpu") and config.offload_to_cpu else value


def _data_mesh(module, mesh, group, strategy):
    if mesh is None and isinstance(group, tuple):
        own, copies = group
        ranks = [list(own.ranks)]  # of this process; the other rows are not needed
        mesh = DeviceMesh("cpu", ranks, _groups=[copies, own])
    elif mesh is None:
        if strategy in _COPIES:
            raise ValueError(
                "Manual wrapping with ShardingStrategy.HYBRID_SHARD requires explicit specification of process group or device_mesh."
            )
        found = default_group() if group is None else group
        kind = next((p.device.type for p in module.parameters() if not p.is_meta), "cpu")
        mesh = DeviceMesh(kind, list(found.ranks), _groups=[found])
    if strategy in _COPIES and mesh.ndim != 2:
        raise ValueError("HYBRID_SHARD needs a device_mesh of two dimensions: copies, parts")
    return DataMesh(mesh, strategy is not ShardingStrategy.NO_SHARD)


def _give_state(module, state, prefix, metadata):
    """A state_dict hook: names as in the wrapped module, and values whole if they are asked for."""
    for key in [k for k in state if k.startswith(prefix + _INNER)]:
        state[prefix + key[len(prefix) + len(_INNER) :]] = state.pop(key)
    if module._settings.state_dict_type is not StateDictType.FULL_STATE_DICT:
        return state
    config = module._settings.state_dict_config
    for key in [k for k in state if k.startswith(prefix)]:
        state[key] = _gathered_state(state[key], config)
    if config.rank0_only and get_rank() != 0:
        for key in [k for k in state if k.startswith(prefix)]:
            del state[key]
    return state


def _take(module, state, prefix, *report):
    """A load_state_dict hook: the reverse of `_give_state`."""
    for name, p in chain(module.named_parameters(), module.named_buffers()):
        key = prefix + name.replace(_INNER, "")
        if key in state:
            state[key] = in_parts(state[key], p)
    for key in [k for k in state if k.startswith(prefix) and not k.startswith(prefix + _INNER)]:
        state[prefix + _INNER + key[len(prefix) :]] = state.pop(key)
