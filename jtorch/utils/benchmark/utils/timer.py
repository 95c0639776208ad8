"""`Timer`: how long a statement takes, computation included.

Python's `timeit` runs the statement. Nothing that a statement computes may be left out of the time, so its results are
held until the recorded lines have run, and the clock waits for the devices.
"""

from __future__ import annotations

import ast
import enum
import sys
import textwrap
import timeit
from statistics import median

import jax

from jtorch.core import engine
from jtorch.utils.benchmark.utils.common import Measurement, TaskSpec, set_torch_threads

__all__ = ["Language", "Timer", "timer"]

_WARM_RUNS, _WARM_SECONDS = 20, 1.0  # a statement of large tensors is compiled when it has come 16 times


def timer() -> float:
    """The time in seconds, when all that was recorded is computed."""
    engine.flush()
    for array in jax.live_arrays():
        array.block_until_ready()
    return timeit.default_timer()


class Language(enum.Enum):
    """What a statement is written in; `Timer` runs Python only."""

    PYTHON = 0
    CPP = 1


class _Held(ast.NodeTransformer):
    """Wraps the values of expressions and assignments in a call of `_hold_`, so that they outlive their statement."""

    def visit_FunctionDef(self, node):
        return node

    visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = visit_FunctionDef

    def visit_Expr(self, node):
        node.value = ast.Call(ast.Name("_hold_", ast.Load()), [node.value], [])
        return node

    def visit_Assign(self, node):
        return self.visit_Expr(node)


class Timer:
    """Measures a statement, as `timeit.Timer` does, with warm-up and labels.

    Args:
        stmt, setup: Python code.
        global_setup: for C++ only.
        timer: what tells the time in seconds; the measured time ends when what the statement computes is there.
        globals: names that the code may use; `torch` is one of them.
        label, sub_label, description, env: of the `Measurement`; `Compare` arranges its table by them.
        num_threads: what `torch.get_num_threads()` is meanwhile.
        language: Python.

    Raises:
        ValueError: `stmt` is not a str, or the language is unknown.
        NotImplementedError: the language is C++.

    Differs from torch: each run of the statement computes what it gives or assigns, before the next one starts; a tensor that it
    drops inside of a function is not computed, as in a program. The warm-up has up to 20 runs, so that the statement is compiled
    before it is timed. XLA's threads do not depend on `num_threads`.

    >>> from jtorch.utils.benchmark import Timer
    >>> found = Timer("x @ x", "x = torch.ones(8, 8)").timeit(5)
    >>> found.number_per_run, len(found.times), found.median > 0
    (5, 1, True)
    """

    def __init__(
        self, stmt="pass", setup="pass", global_setup="", timer=timer, globals=None, label=None, sub_label=None,
        description=None, env=None, num_threads=1, language=Language.PYTHON,
    ):  # fmt: skip
        if not isinstance(stmt, str):
            raise ValueError("Currently only a `str` stmt is supported.")
        if language in (Language.CPP, "cpp", "c++"):
            raise NotImplementedError("torch.utils.benchmark.Timer: jtorch runs no C++ statements")
        if language not in (Language.PYTHON, "py", "python"):
            raise ValueError(f"Invalid language `{language}`.")
        if global_setup:
            raise ValueError(
                f"global_setup is C++ only, got `{global_setup}`. Most likely this code can simply be moved to `setup`."
            )
        stmt, setup = (textwrap.dedent(code).removeprefix("\n").rstrip() for code in (stmt, setup))
        timeit.Timer(stmt, setup)  # raises where the code is not Python
        self._held = []
        names = {"torch": sys.modules["jtorch"], **(globals or {}), "_hold_": self._hold, "_run_": self._run}
        runs = ast.unparse(ast.fix_missing_locations(_Held().visit(ast.parse(stmt)))) + "\n_run_()"
        self._clock = timer
        self._timer = timeit.Timer(runs, setup, self._now, names)
        self._task_spec = TaskSpec(stmt, setup, global_setup, label, sub_label, description, env, num_threads)

    def _hold(self, value):
        self._held.append(value)
        return value

    def _run(self):
        """The end of one run: what it computed is started, and dropped."""
        engine.flush()
        self._held.clear()

    def _now(self):
        timer()
        return self._clock()

    def _timeit(self, number):
        return max(self._timer.timeit(number), 1e-9)

    def _warm_up(self):
        spent = runs = 0
        while runs < _WARM_RUNS and spent < _WARM_SECONDS:
            spent += self._timeit(1)
            runs += 1

    def timeit(self, number: int = 1000000) -> Measurement:
        """One time, of `number` runs."""
        with set_torch_threads(self._task_spec.num_threads):
            self._warm_up()
            self._timeit(max(number // 100, 2))
            return Measurement(number, [self._timeit(number)], self._task_spec)

    def repeat(self, repeat=-1, number=-1):
        """Raises NotImplementedError, as PyTorch's."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def autorange(self, callback=None):
        """Raises NotImplementedError, as PyTorch's."""
        raise NotImplementedError("See `Timer.blocked_autorange.`")

    def _block_size(self, min_run_time):
        """How many runs take so long that reading the clock does not matter: a power of ten."""
        with set_torch_threads(self._task_spec.num_threads):
            self._warm_up()
            overhead, number = median(self._timeit(0) for _ in range(5)), 1
            while True:
                taken = self._timeit(number)
                settled = overhead <= taken * 1e-4 and taken >= min_run_time / 1000
                if settled or taken > min_run_time or number * 10 > 2**31 - 1:
                    return number
                number *= 10

    def _measure(self, number, least, most, callback, enough):
        """Times of blocks until they take `least` seconds together and are enough, or take `most` seconds."""
        times = []
        with set_torch_threads(self._task_spec.num_threads):
            while True:
                times.append(self._timeit(number))
                if callback:
                    callback(number, times[-1])
                found = Measurement(number, times, self._task_spec)
                total = sum(times)
                if (most and total > most) or (total >= least and enough(found)):
                    return found

    def blocked_autorange(self, callback=None, min_run_time: float = 0.2) -> Measurement:
        """Times of blocks of runs, until `min_run_time` seconds are over; `callback(number, time)` sees each block."""
        number = self._block_size(min_run_time)
        return self._measure(number, min_run_time, None, callback, lambda found: True)

    def adaptive_autorange(
        self, threshold: float = 0.1, *, min_run_time: float = 0.01, max_run_time: float = 10.0, callback=None
    ) -> Measurement:
        """Times of blocks of runs, until they vary by less than `threshold`, or `max_run_time` seconds are over."""
        steady = lambda found: len(found.raw_times) > 3 and found.meets_confidence(threshold)
        return self._measure(self._block_size(0.05), min_run_time, max_run_time, callback, steady)

    def collect_callgrind(self, number=100, *, repeats=None, collect_baseline=True, retain_out_file=False):
        """Raises NotImplementedError: Valgrind would count the instructions of XLA's compiler."""
        raise NotImplementedError("torch.utils.benchmark: jtorch counts no instructions")
