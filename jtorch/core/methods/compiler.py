"""What the engine did: counts, and why something was compiled.

    jtorch.compiler.stats()      how many lines, runs and compiles so far
    jtorch.compiler.explain()    which line differed from earlier traces, how, and where it is in your code

`torch.compile` and its relatives are here too: code is compiled anyway, so they return the function as it is.
"""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jtorch.core import engine
from jtorch.core.engine import disk
from jtorch.core.facts import map_tree
from jtorch.core.op import public_in
from jtorch.core.tensor import Tensor, from_numpy

engine.keep_programs_in(disk.DiskStore())


@public_in("jtorch.compiler")
@dataclass(frozen=True)
class Stats:
    """Counts since the start.

    Attributes:
        lines: recorded and run.
        runs: whole programs run.
        line_runs: lines run one by one, of traces that had not come back often.
        compiles: programs compiled or read back from disk, whole and of one line.
        programs: whole programs compiled or read back.
        positions: lines held in the tree of traces.
        seconds: spent compiling whole programs.
    """

    lines: int
    runs: int
    line_runs: int
    compiles: int
    programs: int
    positions: int
    seconds: float


@public_in("jtorch.compiler")
def stats() -> Stats:
    """Counts of what was recorded, run and compiled since the start.

    >>> before = jtorch.compiler.stats()
    >>> x = torch.ones(3) * 2; x.sum().item()
    6.0
    >>> jtorch.compiler.stats().lines > before.lines
    True
    """
    c = engine.counters
    return Stats(c.lines, c.runs, c.line_runs, c.compiles, c.programs, c.positions, c.seconds)


@public_in("jtorch.compiler")
def explain() -> str:
    """For each of the last programs compiled: why it was, and which line made its trace differ from those before.

    Then what the engine did about traces that are new each time: the segments that it cut them into and runs again, and the
    lines whose input types keep changing, which run by themselves.
    """
    told = [_explain_program(n, reason, position) for n, (reason, position) in enumerate(engine.events, 1)]
    return "\n".join([*(told or ["No whole program was compiled."]), *_explain_segments()])


def _explain_segments():
    """A line for each of the segments that ran most often, and for each kind of line that runs by itself."""
    ran, alone = {}, {}
    for trace in engine.local.traces.values():
        if getattr(trace, "was_cut", False):
            todo = [trace.root]
            for at in todo:
                todo.extend(at.children.values())
                ran[at] = sum(count for count, _ in at.visits.values())
                if at.full and at.parent is trace.root:
                    alone.setdefault((at.call.name, at.where), []).append(at)
    often = sorted([at for at in ran if ran[at] > 1 and at.depth > 1], key=ran.get, reverse=True)[:5]
    told = [f"segment of {at.depth} lines{_recorded_at(at.path()[0])}: ran {ran[at]} times" for at in often]
    for (name, _), positions in alone.items():
        where = _recorded_at(positions[0])
        told.append(f"{name}{where}: its input types keep changing ({len(positions)} so far), so it runs by itself")
    return told


def _recorded_at(position):
    return f" from {Path(position.where[0]).name}:{position.where[1]}" if position.where else ""


_REASONS = {
    "step": "the end of a training step",
    "read": "a value that was read",
    "backward": "a second backward",
    "cap": "the cap on recorded lines",
}


def _explain_program(n, reason, position):
    head = f"{n}. {position.depth} lines, cut by {_REASONS.get(reason, reason)}"
    lines = position.path()
    for line in lines:
        sibling = next((c for c in line.parent.children.values() if c is not line), None)
        if sibling is not None and _older(sibling, line):
            where = f" at {Path(line.where[0]).name}:{line.where[1]}" if line.where else ""
            return f"{head}: line {line.depth}{where} differs from a trace before: {_what_differs(line, sibling)}"
    if len(position.programs) > 1:
        return f"{head}: the same lines as before, but other values were still held when they ran"
    return f"{head}: the first trace of its kind"


def _older(sibling, line):
    order = list(line.parent.children.values())
    return order.index(sibling) < order.index(line)


def _what_differs(line, sibling):
    if line.call is not sibling.call:
        return f"{line.call!r}, where there was {sibling.call!r}"
    for new, old in zip(line.key[1:], sibling.key[1:], strict=False):
        if new is not old:
            return f"{line.call.name} of {_describe_input(new)}, where there was {_describe_input(old)}"
    return "its inputs"


def _describe_input(k):
    return f"value {k}" if k.__class__ is int else repr(k)


@public_in("jtorch.compiler")
def last_program_memory():
    """XLA's memory analysis of the program compiled last (bytes of arguments, outputs, temporaries), or None."""
    for _, position in reversed(engine.events):
        for program in reversed(list(position.programs.values())):
            if program.memory is not None:
                return program.memory()
    return None


@public_in("jtorch.compiler")
@contextlib.contextmanager
def eager():
    """Compute each operation at once in this block, to find an error's exact place.

    >>> with jtorch.eager():
    ...     (torch.ones(2) + 1).tolist()
    [2.0, 2.0]
    """
    before = engine.local.eager
    engine.set_eager(True)
    try:
        yield
    finally:
        engine.set_eager(before)


@public_in("jtorch.compiler")
def compile(model=None, *, fullgraph=False, dynamic=None, backend="inductor", mode=None, options=None, disable=False):
    """The function or module itself: everything is compiled already."""
    if model is None:
        return lambda model: model
    assert callable(model), f"A callable function is expected, but {type(model)} is provided."
    return model


@public_in("jtorch.compiler")
def disable(fn=None, recursive=True, *, reason=None):
    """The function itself: Python code runs as it stands anyway."""
    return fn if fn is not None else lambda fn: fn


@public_in("jtorch.compiler")
@contextlib.contextmanager
def set_stance(stance="default", *, skip_guard_eval_unsafe=False, force_backend=None):
    """Accepted without effect: it sets how PyTorch uses its own compiler."""
    yield


@public_in("jtorch.compiler")
def reset() -> None:
    """Forget every trace and every compiled program."""
    engine.reset()


@public_in("jtorch.compiler")
def is_compiling() -> bool:
    """False: Python code is never traced by a compiler here; only what it records is compiled."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


@public_in("jtorch.compiler")
def cudagraph_mark_step_begin() -> None:
    """Accepted without effect: `optimizer.step()`, or reading a value, ends a step."""


@public_in("jtorch.compiler")
def allow_in_graph(fn):
    """The function itself: Python code runs as it stands anyway."""
    return fn


assume_constant_result = nested_compile_region = allow_in_graph


@public_in("jtorch.compiler")
def substitute_in_graph(original_fn, *, can_constant_fold_through=False, skip_signature_check=False):
    """A decorator that returns the function itself: `original_fn` runs as it stands."""
    return lambda fn: fn


@public_in("jtorch.compiler")
def list_backends(exclude_tags=("debug", "experimental")) -> list[str]:
    """The backends that `compile` takes: it takes any name, and XLA compiles."""
    return ["inductor"]


_backend = ["inductor"]


@public_in("jtorch.compiler")
def set_default_backend(backend) -> None:
    """Accepted without effect: XLA compiles."""
    _backend[0] = backend


@public_in("jtorch.compiler")
def get_default_backend():
    """What `set_default_backend` was given."""
    return _backend[0]


@public_in("jtorch.compiler")
def set_enable_guard_collectives(enabled: bool) -> bool:
    """Accepted without effect; returns False."""
    return False


@public_in("jtorch.compiler")
def wrap_numpy(fn):
    """The function, written for NumPy arrays, as one of tensors.

    Differs from torch: no gradient flows through it, so a tensor that requires grad is refused.

    >>> double = torch.compiler.wrap_numpy(lambda x: 2 * x)
    >>> double(torch.ones(2))
    tensor([2., 2.])
    """

    @functools.wraps(fn)
    def of_tensors(*args, **kwargs):
        args, kwargs = map_tree(lambda x: x.numpy() if isinstance(x, Tensor) else x, (args, kwargs))
        result = fn(*args, **kwargs)
        return map_tree(lambda x: from_numpy(np.asarray(x)) if isinstance(x, np.ndarray | np.generic) else x, result)

    return of_tensors


@public_in("jtorch.compiler")
def save_cache_artifacts():
    """None: compiled programs are on disk already, in jtorch's cache folder."""
    return None


@public_in("jtorch.compiler")
def load_cache_artifacts(serialized_artifacts):
    """None: compiled programs are read from jtorch's cache folder."""
    return None


@public_in("jtorch.compiler")
def load_compiled_function(file, *, f_globals=None, external_data=None):
    """Raises NotImplementedError: the file holds machine code of PyTorch's compiler."""
    raise NotImplementedError("jtorch cannot run what PyTorch's compiler made; call the function itself")
