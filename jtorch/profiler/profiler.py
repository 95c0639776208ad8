"""A profile over the steps of a training loop, and when it measures."""

from __future__ import annotations

import enum
import gzip
import json
import os
import shutil
import socket
import time

from jtorch.autograd.profiler import EventList
from jtorch.autograd.profiler import profile as Measurement
from jtorch.cuda import is_available


class ProfilerActivity(enum.Enum):
    """Whose time is measured. Here all are measured together, by the clock of the host."""

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4
    PrivateUse1 = 5


class ProfilerAction(enum.Enum):
    """What a profile does in a step."""

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def supported_activities() -> set[ProfilerActivity]:
    """The CPU, and the GPU if there is one."""
    return {ProfilerActivity.CPU} | ({ProfilerActivity.CUDA} if is_available() else set())


def kineto_available() -> bool:
    """True: profiles can be taken. They are not Kineto's."""
    return True


def schedule(*, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, skip_first_wait: int = 0):
    """What to do in each step: wait, warm up, measure `active` steps, and so again.

    Args:
        repeat: how many such cycles; 0: no end.
        skip_first: steps before the first cycle.
        skip_first_wait: 1: the first cycle does not wait.

    >>> plan = torch.profiler.schedule(wait=1, warmup=1, active=1, repeat=1)
    >>> [plan(step).name for step in range(4)]
    ['NONE', 'WARMUP', 'RECORD_AND_SAVE', 'NONE']
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active <= 0:
        raise AssertionError(
            f"Invalid profiler schedule arguments. Got wait={wait} (need >= 0), warmup={warmup} (need >= 0), "
            f"active={active} (need > 0), repeat={repeat} (need >= 0), skip_first={skip_first} (need >= 0)."
        )

    def plan(step: int) -> ProfilerAction:
        assert step >= 0, f"Step must be non-negative. Got {step}."
        if step < skip_first:
            return ProfilerAction.NONE
        step -= skip_first
        if skip_first_wait:
            step += wait
        cycle, step = divmod(step, wait + warmup + active)
        if repeat and cycle >= repeat:
            return ProfilerAction.NONE
        if step < wait:
            return ProfilerAction.NONE
        if step < wait + warmup:
            return ProfilerAction.WARMUP
        last = step == wait + warmup + active - 1
        return ProfilerAction.RECORD_AND_SAVE if last else ProfilerAction.RECORD

    return plan


def _default_schedule_fn(step: int) -> ProfilerAction:
    return ProfilerAction.RECORD


_RECORDING = (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)


class profile:
    """Measures the ops and the named ranges of a program, step by step: a `with` block that calls `step()`.

    Args:
        activities: accepted; all are measured together.
        schedule: step -> ProfilerAction; None: every step is measured.
        on_trace_ready: called with the profile when steps were measured, as `tensorboard_trace_handler(folder)`.
        record_shapes: keep the shapes of inputs.
        profile_memory, with_stack, with_flops, with_modules: accepted without effect.

    Differs from torch: while it measures, each op is computed by itself; see `torch.autograd.profiler.profile`.

    >>> with torch.profiler.profile() as prof:
    ...     y = torch.ones(2) * 3
    >>> [(event.key, event.count) for event in prof.key_averages() if event.key == "aten::mul"]
    [('aten::mul', 1)]
    """

    def __init__(
        self,
        *,
        activities=None,
        schedule=None,
        on_trace_ready=None,
        record_shapes=False,
        profile_memory=False,
        with_stack=False,
        with_flops=False,
        with_modules=False,
        experimental_config=None,
        execution_trace_observer=None,
        acc_events=False,
        use_cuda=None,
        custom_trace_id_callback=None,
        post_processing_timeout_s=None,
    ):
        self.activities = set(activities) if activities else supported_activities()
        self.record_steps = schedule is not None
        self.schedule = schedule or _default_schedule_fn
        self.on_trace_ready, self.record_shapes = on_trace_ready, record_shapes
        self.profile_memory, self.with_stack, self.with_flops = profile_memory, with_stack, with_flops
        self.with_modules, self.acc_events = with_modules, acc_events
        self.step_num = 0
        self.current_action = self.schedule(0)
        self.profiler: Measurement | None = None
        self._metadata: dict[str, str] = {}
        self._running = False
        self._range = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *exc):
        self.stop()

    def start(self) -> None:
        """Begin with step 0."""
        if self.current_action in _RECORDING:
            self._begin()
        self._begin_step()

    def stop(self) -> None:
        """End; steps that were measured and not handed over are handed over."""
        self._end_step()
        if self._running:
            self._end()
            self._hand_over()

    def step(self) -> None:
        """The next step begins."""
        self._end_step()
        before, self.step_num = self.current_action, self.step_num + 1
        self.current_action = self.schedule(self.step_num)
        if before is ProfilerAction.RECORD_AND_SAVE or (self._running and self.current_action not in _RECORDING):
            self._end()
            self._hand_over()
        if self.current_action in _RECORDING and not self._running:
            self._begin()
        self._begin_step()

    def _begin(self):
        self.profiler = Measurement(record_shapes=self.record_shapes)
        self.profiler.__enter__()
        self._running = True

    def _end(self):
        self.profiler.__exit__(None, None, None)
        self._running = False

    def _begin_step(self):
        if self.record_steps and self._running:
            self._range = self.profiler.begin(f"ProfilerStep#{self.step_num}")[1]

    def _end_step(self):
        if self._range is not None:
            self.profiler.end(self._range)
            self._range = None

    def _hand_over(self):
        if self.on_trace_ready is not None:
            self.on_trace_ready(self)

    # ---- what was measured

    def _measured(self, what):
        assert self.profiler is not None, f"Profiler must be initialized before {what}"
        return self.profiler

    def key_averages(self, group_by_input_shape=False, group_by_stack_n=0, group_by_overload_name=False) -> EventList:
        """The events of each name together; `.table(sort_by="cpu_time_total")` shows them."""
        return self._measured("getting key averages").key_averages(group_by_input_shape)

    def events(self) -> EventList:
        """Every event."""
        return self._measured("accessing events").function_events

    def add_metadata(self, key: str, value: str) -> None:
        """A text for the file of `export_chrome_trace`."""
        self.add_metadata_json(key, json.dumps(value))

    def add_metadata_json(self, key: str, value: str) -> None:
        """JSON for the file of `export_chrome_trace`."""
        self._metadata[key] = value

    def export_chrome_trace(self, path: str) -> None:
        """Write the events as JSON for Chrome's `chrome://tracing` and Perfetto; compressed if the name ends with ".gz"."""
        plain = path.removesuffix(".gz")
        self._measured("exporting chrome trace").export_chrome_trace(plain)
        if self._metadata:
            with open(plain) as file:
                trace = json.load(file)
            trace |= {key: json.loads(value) for key, value in self._metadata.items()}
            with open(plain, "w") as file:
                json.dump(trace, file)
        if plain != path:
            with open(plain, "rb") as source, gzip.open(path, "wb") as target:
                shutil.copyfileobj(source, target)
            os.remove(plain)

    def export_stacks(self, path: str, metric: str = "self_cpu_time_total") -> None:
        """Raises NotImplementedError: the stacks of ops are not kept."""
        raise NotImplementedError(
            "torch.profiler: jtorch does not keep the stacks of ops; export_chrome_trace writes the events"
        )

    def toggle_collection_dynamic(self, enable: bool, activities) -> None:
        """Accepted without effect."""


class ExecutionTraceObserver:
    """Writes a graph of what ran, in PyTorch. Making one raises NotImplementedError."""

    def __init__(self):
        raise NotImplementedError("torch.profiler.ExecutionTraceObserver: use torch.profiler.profile")


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False, use_python_export=False
):
    """For `on_trace_ready`: write each trace into a folder that TensorBoard shows."""

    def handle(prof) -> None:
        os.makedirs(dir_name, exist_ok=True)
        name = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        ending = ".pt.trace.json.gz" if use_gzip else ".pt.trace.json"
        prof.export_chrome_trace(os.path.join(dir_name, f"{name}.{time.time_ns()}{ending}"))

    return handle
