"""`ProcessGroup`, `Backend`, `Work` and the options of collectives. Nothing here communicates."""

from __future__ import annotations

import enum
import warnings

from jtorch.core.facts import KINDS
from jtorch.distributed._c10d.reduce_op import RedOpType
from jtorch.distributed.constants import default_pg_timeout
from jtorch.futures import Future


class Backend(str):
    """The name of a backend, in lower case. "gloo" is for the CPU, "nccl" for GPUs; JAX has both.

    >>> torch.distributed.Backend("GLOO")
    'gloo'
    """

    __module__ = "jtorch.distributed"
    UNDEFINED = "undefined"
    GLOO = "gloo"
    NCCL = "nccl"
    XCCL = "xccl"
    UCC = "ucc"
    MPI = "mpi"
    FAKE = "fake"
    backend_list = [UNDEFINED, GLOO, NCCL, XCCL, UCC, MPI, FAKE]

    def __new__(cls, name):
        if not isinstance(name, str):
            raise ValueError("Backend constructor parameter must be string-ish")
        return str.__new__(cls, name.lower())


class BackendConfig:
    """Which backend serves which kind of device: "gloo" or "cpu:gloo,cuda:nccl"."""

    def __init__(self, backend):
        text, own = str(backend), {kind.name: kind.collectives for kind in KINDS.values() if kind.collectives}
        if ":" in text:
            self.device_backend_map = dict(part.lower().split(":") for part in text.split(","))
        elif text == Backend.UNDEFINED:
            self.device_backend_map = own
        elif text == Backend.NCCL:
            self.device_backend_map = {name: text for name, backend in own.items() if backend == text}
        else:
            self.device_backend_map = dict.fromkeys(own, text)

    def get_device_backend_map(self):
        return self.device_backend_map

    def __repr__(self):
        return ",".join(f"{device}:{backend}" for device, backend in self.device_backend_map.items())


class ProcessGroup:
    """Processes that run collectives together. `init_process_group` and `new_group` make them.

    Attributes:
        ranks: the processes by their rank in the whole program, in the order of their rank in the group.
    """

    __module__ = "jtorch.distributed"

    def __init__(self, ranks, rank, name, backend, timeout=default_pg_timeout, description="undefined"):
        self.ranks = tuple(ranks)
        self.global_rank = rank
        self.group_name = name
        self.group_desc = description
        self.backend = backend
        self.timeout = timeout
        self.bound_device_id = None

    def rank(self) -> int:
        """This process's rank in the group."""
        return self.ranks.index(self.global_rank)

    def size(self) -> int:
        return len(self.ranks)

    def name(self) -> str:
        """The name of the backend."""
        return str(self.backend)

    def set_timeout(self, timeout):
        self.timeout = timeout


class Work:
    """What a collective returns with `async_op`. Its results are computed when they are read, as those of any op."""

    __module__ = "jtorch.distributed"

    def __init__(self, results=()):
        self._results = list(results)

    def wait(self, timeout=None) -> bool:
        return True

    def is_completed(self) -> bool:
        return True

    def is_success(self) -> bool:
        return True

    def exception(self):
        """None: a collective that fails raises where its result is read."""

    def result(self):
        return self._results

    def source_rank(self) -> int:
        return -1

    def get_future(self) -> Future:
        """A future of the list of results."""
        made = Future()
        made.set_result(self._results)
        return made


class _DefaultGroup(type):
    """`WORLD` as an attribute of a class: the group of all processes, or None."""

    world = None

    @property
    def WORLD(cls):
        return _DefaultGroup.world

    @WORLD.setter
    def WORLD(cls, made):
        _DefaultGroup.world = made


class group(metaclass=_DefaultGroup):
    """`group.WORLD` is the group of all processes, or None."""


class GroupMember(metaclass=_DefaultGroup):
    """`GroupMember.NON_GROUP_MEMBER` stands for a group that this process is not in."""

    NON_GROUP_MEMBER = -100


class DebugLevel(enum.Enum):
    """The value of the environment variable TORCH_DISTRIBUTED_DEBUG. It changes nothing in jtorch."""

    OFF = 0
    INFO = 1
    DETAIL = 2

    def __repr__(self):
        return f"<DebugLevel.{self.name}: {self.value}>"


class _GroupOptions:
    """The base class of the options that PyTorch gives a collective of a `ProcessGroup`. Any attribute may be set."""

    def __init__(self, **given):
        self.reduceOp = RedOpType.SUM
        self.rootRank = self.rootTensor = 0
        self.timeout = default_pg_timeout
        self.asyncOp = False
        vars(self).update(given)


class AllreduceOptions(_GroupOptions):
    """Options of `all_reduce`."""


class AllreduceCoalescedOptions(_GroupOptions):
    """Options of `all_reduce_coalesced`."""


class AllToAllOptions(_GroupOptions):
    """Options of `all_to_all`."""


class BarrierOptions(_GroupOptions):
    """Options of `barrier`."""


class BroadcastOptions(_GroupOptions):
    """Options of `broadcast`."""


class GatherOptions(_GroupOptions):
    """Options of `gather`."""


class ReduceOptions(_GroupOptions):
    """Options of `reduce`."""


class ReduceScatterOptions(_GroupOptions):
    """Options of `reduce_scatter`."""


class ScatterOptions(_GroupOptions):
    """Options of `scatter`."""


class _OldReduceOp:
    """`ReduceOp` under its old name, which warns."""

    def __getattr__(self, name):
        if not name.startswith("_"):
            warnings.warn(
                "`torch.distributed.reduce_op` is deprecated, please use `torch.distributed.ReduceOp` instead",
                category=FutureWarning,
                stacklevel=2,
            )
        return getattr(RedOpType, name)


reduce_op = _OldReduceOp()
