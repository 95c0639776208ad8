"""What every test and doctest stands on: the names `jtorch` and `torch`, fixed seeds, one PyTorch thread.

At the root, not in tests/, because the doctests of jtorch/ need it too. It imports jtorch late, so that a
broken import fails the tests that use it and not the collection of all the others.
"""

import functools
import gc
import importlib.util
import os
import random
import sys
import time

import numpy as np
import pytest

# PyTorch's OpenMP threads and XLA's fight for the cores; read once, when torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Figures are drawn to files, never to a screen.
os.environ.setdefault("MPLBACKEND", "Agg")
# A run tests what it compiles itself, not what an earlier one has left.
os.environ.setdefault("JTORCH_CACHE", "0")
# Its import would let `import torch` mean jtorch in this process.
collect_ignore = ["jtorch/as_torch.py", "tests/programs/forking.py"]  # the latter runs PyTorch's programs
collect_ignore_glob = ["tests/libraries/programs/*"]  # PyTorch's programs, which run as they are imported
if importlib.util.find_spec("torch") is None:  # these modules import it, and hold no doctests
    collect_ignore_glob.append("tests/parity/[!t_]*.py")


def pytest_xdist_auto_num_workers(config):
    """The whole suite on up to four cores; tests that are named run in this process, where they start at once."""
    whole = config.args == config.getini("testpaths")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(cores, 4) if whole else 0


def pytest_addoption(parser):
    parser.addoption(
        "--long",
        action="store_true",
        help="also run the tests marked `long`, `attack` or `libraries`, some of `opinfo`",
    )


def pytest_collection_modifyitems(config, items):
    """Tests marked `long`, `attack` or `libraries` run only with `--long`, as `.ci/run` gives it: they take minutes, and the
    first install packages."""
    long = [item for item in items if any(item.get_closest_marker(name) for name in ("long", "attack", "libraries"))]
    if long and not config.getoption("--long"):
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
    if "upstream" not in config.option.markexpr and not config.getoption("--long"):
        items[:] = [item for item in items if not item.get_closest_marker("upstream")]
    if "opinfo" not in config.option.markexpr:
        _without_most_of_opinfo(config, items)


def _without_most_of_opinfo(config, items):
    """Tests marked `opinfo` run by `-m opinfo`; a fixed tenth of them with `--long`."""
    every = [item for item in items if item.get_closest_marker("opinfo")]
    left = set(every[::10]) if config.getoption("--long") else set()
    if gone := [item for item in every if item not in left]:
        config.hook.pytest_deselected(items=gone)
        items[:] = [item for item in items if item not in gone]


@pytest.fixture(autouse=True)
def seeded():
    """The same random numbers for a test, whatever ran before it."""
    random.seed(0)
    np.random.seed(0)
    for name in ("jtorch", "torch"):
        if name in sys.modules:
            sys.modules[name].manual_seed(0)


@pytest.fixture(autouse=True)
def no_word_of_compiles(monkeypatch):
    """jtorch warns once in a process that programs are compiled more often than they are used again. Those of tests are, and
    the warning would be part of what some test prints, by the order of tests."""
    if "jtorch" in sys.modules:
        monkeypatch.setattr(sys.modules["jtorch"].core.engine.program.counters, "warned", True)


@pytest.fixture(autouse=True)
def new_limits():
    """Reset the limits of compiling new traces to those of a new process, and drop errors that earlier tests have not raised."""
    if "jtorch" in sys.modules:
        from jtorch.core.engine import deferred, local, policy

        deferred.unraised.clear()
        for trace in local.traces.values():
            if hasattr(trace, "policy"):
                trace.policy = policy.Policy()


@pytest.fixture(autouse=True)
def doctest_names(request):
    """Doctests see `jtorch`, and `torch` = jtorch, without importing them."""
    if isinstance(request.node, pytest.DoctestItem):
        import jtorch

        request.getfixturevalue("doctest_namespace").update(jtorch=jtorch, torch=jtorch)


@pytest.fixture(autouse=True, scope="session")
def one_context():
    """JAX makes an MLIR context for each thing that it compiles, which takes as long as all the rest of the way to XLA.
    The thousands of lines of a run share one."""
    from jax.interpreters import mlir

    begin = getattr(mlir, "ModuleContext", object).__init__
    if "context" in getattr(begin, "__kwdefaults__", None) or {}:
        shared = mlir.make_ir_context()
        mlir.ModuleContext.__init__ = lambda self, *, context=None, **rest: begin(
            self, context=context or shared, **rest
        )


def pytest_collection_finish():
    """What was imported and collected stays: Python's collector need not look at it again and again. While JAX traces, most
    of what is made soon goes by itself: looking at every 700 objects took a fifteenth of test_ops."""
    settle()
    gc.set_threshold(20_000, 10, 10)


def pytest_runtest_teardown():
    """Nor at what the tests before this one have left in JAX's caches: in a long run a collection takes seconds."""
    if time.process_time() - settled_at > 20:
        settle()


settled_at = 0.0


def settle():
    """Leave all that there is, but for garbage, out of later collections."""
    global settled_at
    gc.collect()
    gc.freeze()
    settled_at = time.process_time()


QUICK = {
    "xla_backend_optimization_level": 0,
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_parallel_codegen_split_count": 1,  # each part of a program would begin with a compiler of its own
}


@functools.cache
def known_options():
    """Those of QUICK that this XLA knows."""
    import jax

    known = {}
    for name, value in QUICK.items():
        try:
            jax.jit(lambda: 0, compiler_options={name: value}).lower().compile()
            known[name] = value
        except jax.errors.JaxRuntimeError:
            pass
    return known


@pytest.fixture
def quick_options():
    """What XLA's compiler is quick with."""
    return known_options()


@pytest.fixture
def quick_jit(quick_options):
    """`jax.jit` that compiles quickly."""
    import jax

    return functools.partial(jax.jit, compiler_options=quick_options)


@pytest.fixture(autouse=True)
def quick_compiles(request, monkeypatch):
    """Most of a run is compiling what runs once: XLA does it in half the time when it optimizes less.

    Tests marked `optimized` run what users run: those of the engine, of training and of whole models, but the single
    ones of them that are marked `optimized(False)`.
    """
    mark = request.node.get_closest_marker("optimized")
    if "jtorch" in sys.modules and (mark is None or mark.args == (False,)):
        config = sys.modules["jtorch"].core.facts.config
        monkeypatch.setattr(config, "compiler_options", known_options())
