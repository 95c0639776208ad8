"""The process groups of this process: making, finding and forgetting them."""

from __future__ import annotations

import importlib.util
from datetime import timedelta

from jtorch.core.facts import KINDS, config
from jtorch.distributed._c10d.group import Backend, BackendConfig, DebugLevel, GroupMember, ProcessGroup, Work, group
from jtorch.distributed._c10d.reduce_op import ReduceOp
from jtorch.distributed._c10d.runner import flush_collectives
from jtorch.distributed._c10d.stores import PrefixStore, Store
from jtorch.distributed._c10d.world import world_of
from jtorch.distributed.constants import default_pg_timeout
from jtorch.distributed.rendezvous import rendezvous

_MISSING = "Default process group has not been initialized, please make sure to call init_process_group."


class _Groups:
    """The groups of this process."""

    def __init__(self):
        self.world = None
        self.store = None
        self.groups = {}  # name -> group
        self.made = 0
        self.backend_config = None


_state = _Groups()


def is_available() -> bool:
    """Whether this build has `torch.distributed`: True."""
    return True


def is_initialized() -> bool:
    """Whether there is a default process group."""
    return group.WORLD is not None


def is_gloo_available() -> bool:
    return True


def is_nccl_available() -> bool:
    """Whether JAX sees a GPU: its collectives between GPUs are NCCL's."""
    return any(importlib.util.find_spec(name) for name in ("jax_cuda12_plugin", "jax_cuda13_plugin"))


def is_mpi_available() -> bool:
    return False


def is_ucc_available() -> bool:
    return False


def is_xccl_available() -> bool:
    return False


def is_backend_available(backend: str) -> bool:
    return backend.lower() == "gloo" or (backend.lower() == "nccl" and is_nccl_available())


def is_torchelastic_launched() -> bool:
    """Whether `torch.distributed.run` has started this process."""
    return config.variable("TORCHELASTIC_RUN_ID") is not None


def supports_complex(reduceOp) -> bool:
    """Whether a reduction takes complex tensors."""
    return ReduceOp(reduceOp) not in (
        ReduceOp.MAX,
        ReduceOp.MIN,
        ReduceOp.PRODUCT,
        ReduceOp.BAND,
        ReduceOp.BOR,
        ReduceOp.BXOR,
    )


def get_default_backend_for_device(device) -> str:
    return KINDS[str(device).partition(":")[0]].collectives or Backend.GLOO


def get_debug_level():
    return DebugLevel[(config.variable("TORCH_DISTRIBUTED_DEBUG") or "OFF").upper()]


def init_process_group(
    backend=None,
    init_method=None,
    timeout=None,
    world_size=-1,
    rank=-1,
    store=None,
    group_name="",
    pg_options=None,
    device_id=None,
    _ranks=None,
):
    """Connect to the other processes of this program, and make the group of all of them.

    Args:
        backend: "gloo", "nccl", both as "cpu:gloo,cuda:nccl", or None.
        init_method: "env://" (the default: RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT), "tcp://host:port" or
            "file:///path".
        timeout: how long to wait for the others, here and in collectives; default: 30 minutes.
        world_size, rank, store: the number of processes, the number of this one, and a store that they share.

    Raises:
        ValueError: there is a group already, or the rank, the number of processes or the address is missing.
        DistNetworkError: the others did not connect in time.
        RuntimeError: there are several processes, and this one has computed something already.

    Differs from torch: with several processes it must be called before anything is computed. Tensors and modules may be made
    before. After `destroy_process_group` a new group has the same rank and number of processes.
    """
    if group.WORLD is not None:
        raise ValueError("trying to initialize the default process group twice!")
    if store is not None and init_method is not None:
        raise AssertionError("Cannot specify both init_method and store.")
    backend = Backend(backend if backend is not None else Backend.UNDEFINED)
    _check_backend(backend)
    limit = default_pg_timeout if timeout is None else timeout
    if not isinstance(limit, timedelta):
        raise TypeError(f"Expected timeout argument to be of type datetime.timedelta, got {limit}")
    if store is None:
        store, rank, world_size = next(rendezvous(init_method or "env://", rank, world_size, timeout=limit))
        store.set_timeout(limit)
    elif world_size <= 0 or rank < 0:
        raise ValueError("world_size and rank must be positive when a store is given")
    store = PrefixStore("default_pg", store)
    _state.world = world_of(store, rank, world_size, limit)
    _state.store = store
    _state.backend_config = BackendConfig(backend)
    named = "gloo" if backend == Backend.UNDEFINED else backend
    group.WORLD = _new_group(range(world_size), named, limit, "default_pg")


def _check_backend(backend):
    for name in BackendConfig(backend).get_device_backend_map().values() if backend != Backend.UNDEFINED else ():
        if name not in ("gloo", "nccl"):
            raise RuntimeError(f"Distributed package doesn't have {name.upper()} built in")
    if backend == Backend.NCCL and not is_nccl_available():
        raise RuntimeError("Distributed package doesn't have NCCL built in")


def _new_group(ranks, backend, timeout, description="undefined"):
    name = str(_state.made)
    _state.made += 1
    made = ProcessGroup(ranks, _state.world.rank, name, backend, timeout, description)
    _state.groups[name] = made
    return made


def new_group(
    ranks=None,
    timeout=None,
    backend=None,
    pg_options=None,
    use_local_synchronization=False,
    group_desc=None,
    device_id=None,
):
    """A group of some processes. All processes must call this in the same order, also those outside of the group.

    Returns:
        the group; `GroupMember.NON_GROUP_MEMBER` in a process outside of it.
    """
    world = default_group()
    size = world.size()
    members = list(range(size)) if ranks is None else sorted(ranks)
    if len(members) > size:
        raise ValueError(
            "the new group's world size should be less or equal to the world size set by init_process_group"
        )
    for rank in members:
        if rank < 0 or rank >= size:
            raise ValueError(f"Rank {rank} is out of range. Valid ranks are 0 to {size - 1} (world_size={size})")
    if len(set(members)) < len(members):
        raise ValueError("new group ranks must be unique")
    made = _new_group(members, backend or world.backend, timeout or world.timeout, group_desc or "undefined")
    return made if _state.world.rank in members else GroupMember.NON_GROUP_MEMBER


def new_subgroups(group_size=None, group=None, timeout=None, backend=None, pg_options=None, group_desc=None):
    """Groups of `group_size` processes with neighbouring ranks. Returns (the group of this process, all groups)."""
    size = get_world_size()
    if group_size is None:
        group_size = int(config.variable("LOCAL_WORLD_SIZE") or size)
    if group_size <= 0:
        raise ValueError(f"The arg 'group_size' ({group_size}) must be positive")
    if size < group_size:
        raise ValueError(f"The arg 'group_size' ({group_size}) must not exceed the world size ({size})")
    if size % group_size:
        raise ValueError(f"The world size ({size}) must be divisible by '{group_size=}'")
    parts = [list(range(start, start + group_size)) for start in range(0, size, group_size)]
    return new_subgroups_by_enumeration(parts, timeout, backend, pg_options, group_desc)


def new_subgroups_by_enumeration(ranks_per_subgroup_list, timeout=None, backend=None, pg_options=None, group_desc=None):
    """Groups of these ranks. Returns (the group of this process or None, all groups)."""
    if not ranks_per_subgroup_list:
        raise ValueError("The arg 'ranks_per_subgroup_list' cannot be empty")
    flat = [rank for ranks in ranks_per_subgroup_list for rank in ranks]
    if len(set(flat)) < len(flat):
        raise ValueError("Rank has appeared in both subgroups")
    made, mine = [], None
    for ranks in ranks_per_subgroup_list:
        one = new_group(ranks, timeout, backend, pg_options, group_desc=group_desc)
        made.append(one)
        if get_rank() in ranks:
            mine = one
    return mine, made


def destroy_process_group(group: ProcessGroup | None = None):
    """Forget a group; None: all groups. Recorded lines run first: other processes may wait for their collectives."""
    if group == GroupMember.NON_GROUP_MEMBER:
        return
    if _the_group_of(group) is None:
        raise ValueError(_MISSING) if group is None else AssertionError("Process group cannot be None")
    flush_collectives()
    if group is None or group is GroupMember.WORLD:
        _state.groups.clear()
        GroupMember.WORLD = None
    else:
        _state.groups.pop(group.group_name, None)


def _the_group_of(found):
    return GroupMember.WORLD if found is None else found


def default_group() -> ProcessGroup:
    """The group of all processes.

    Raises:
        ValueError: there is none.
    """
    if GroupMember.WORLD is None:
        raise ValueError(_MISSING)
    return GroupMember.WORLD


def group_of(found) -> ProcessGroup:
    """The group that a collective was given; the default group for None."""
    return default_group() if found is None or found is GroupMember else found


def is_outside(found):
    return found is not None and found == GroupMember.NON_GROUP_MEMBER


def get_rank(group: ProcessGroup | None = None) -> int:
    """The rank of this process in a group; -1 outside of it."""
    if is_outside(group):
        return -1
    world = default_group()
    if group is None or group is world:
        return world.rank()
    return group.rank() if world.global_rank in group.ranks else -1


def get_world_size(group: ProcessGroup | None = None) -> int:
    """The number of processes of a group; -1 outside of it."""
    return -1 if is_outside(group) else group_of(group).size()


def get_backend(group: ProcessGroup | None = None) -> Backend:
    if is_outside(group):
        raise ValueError("Invalid process group specified")
    return Backend(group_of(group).backend)


def get_backend_config(group: ProcessGroup | None = None) -> str:
    return str(BackendConfig(Backend(group_of(group).backend)))


def get_process_group_ranks(group: ProcessGroup | None) -> list[int]:
    """The ranks of a group's processes in the whole program."""
    return list(group_of(group).ranks)


def get_group_rank(group: ProcessGroup, global_rank: int) -> int:
    """The rank in a group of a process of the whole program."""
    if global_rank not in group.ranks:
        raise ValueError(f"Global rank {global_rank} is not part of group {group}")
    return group.ranks.index(global_rank)


def get_global_rank(group: ProcessGroup, group_rank: int) -> int:
    """The rank in the whole program of a process of a group."""
    if not 0 <= group_rank < group.size():
        raise ValueError(f"Group rank {group_rank} is not part of group {group}")
    return group.ranks[group_rank]


def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """The rank of this process among those of this host, from LOCAL_RANK."""
    found = config.variable("LOCAL_RANK")
    if found is not None:
        return int(found)
    if fallback_rank is not None:
        return int(fallback_rank)
    raise RuntimeError(
        "LOCAL_RANK is not in the environment. Consider passing fallback_rank to allow `get_node_local_rank` to work, "
        "assuming you are not running in a multi-device context and want the code to run locally instead."
    )


def get_pg_count() -> int:
    """How many groups there are."""
    return len(_state.groups)


def get_default_store() -> Store:
    """The store of the default group."""
    default_group()
    return _state.store


def rank_of_root(found, rank, group_rank, name):
    """The rank in the group of the one process that a collective was given, by its rank in the program or in the group."""
    if group_rank is not None:
        if rank is not None:
            raise ValueError("Can't specify both group_src and src")
        return group_rank
    if rank is None:
        raise ValueError("Must specify src or group_src")
    if found is default_group():
        if not 0 <= rank < found.size():
            raise RuntimeError(f"ProcessGroupGloo::{name}: invalid root rank: {rank}")
        return rank
    return get_group_rank(found, rank)


def meet(found, timeout, wait_all_ranks):
    """See `monitored_barrier`, which waits by the store and runs no collective."""
    _state.world.runner.meet(found, timeout, wait_all_ranks)


def done(async_op, *results):
    return Work(results) if async_op else None
