"""`torch.utils.benchmark`: `Timer` measures a statement, `Compare` prints measurements side by side."""

from jtorch.core.facts import absent
from jtorch.utils.benchmark.utils.common import (
    Measurement,
    TaskSpec,
    ordered_unique,
    select_unit,
    set_torch_threads,
    trim_sigfig,
    unit_to_english,
)
from jtorch.utils.benchmark.utils.compare import Colorize, Compare
from jtorch.utils.benchmark.utils.fuzzer import FuzzedParameter, FuzzedTensor, Fuzzer, ParameterAlias
from jtorch.utils.benchmark.utils.timer import Language, Timer, timer

_ABSENT = absent(
    "torch.utils.benchmark",
    "",
    "Valgrind would count the instructions of XLA's compiler, so nothing counts them; Timer measures time",
    classes="CallgrindStats CopyIfCallgrind FunctionCount FunctionCounts",
)
vars().update(_ABSENT)

__all__ = [
    *_ABSENT,
    "Colorize",
    "Compare",
    "FuzzedParameter",
    "FuzzedTensor",
    "Fuzzer",
    "Language",
    "Measurement",
    "ParameterAlias",
    "TaskSpec",
    "Timer",
    "ordered_unique",
    "select_unit",
    "set_torch_threads",
    "timer",
    "trim_sigfig",
    "unit_to_english",
]
