"""Programs on disk: what identifies them, that a second start compiles nothing, and that no result is lost."""

from __future__ import annotations

import functools
import math
import operator
import os
import signal
import subprocess
import sys
import threading
import time

import jax
import ml_dtypes
import numpy as np
import pytest
from jax.experimental.compilation_cache import compilation_cache

import jtorch as torch
from jtorch.compiler import last_program_memory, stats
from jtorch.core import engine
from jtorch.core.engine import cache_folder, compiling, disk, fingerprint, interrupts
from jtorch.core.facts import config, devices, dtypes
from tests.engine.test_engine import Model, a_step, interrupted

pytestmark = pytest.mark.optimized


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """Keep every program, in a folder of the test's own; run nothing in NumPy."""
    monkeypatch.setenv("JTORCH_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(config, "disk_cache", True)
    monkeypatch.setattr(disk, "least_compile_time", 0)
    monkeypatch.setattr(config, "numpy_lines", False)
    engine.reset()
    cache_folder.forget_folder()
    yield tmp_path / "programs"
    engine.reset()
    cache_folder.forget_folder()


def files(folder):
    """The files of the entries."""
    return [path for path in folder.iterdir() if path.is_file()]


@pytest.fixture
def compiles(monkeypatch):
    """Collect the programs that are compiled rather than read back."""
    made, compile = [], disk.DiskStore.compile
    monkeypatch.setattr(disk.DiskStore, "compile", lambda *what: made.append(what) or compile(*what))
    return made


def train(width=8, rate=1e-2):
    torch.manual_seed(0)
    model = Model(width=width)
    step = a_step(model, torch.optim.Adam(model.parameters(), lr=rate))
    return [step().item() for _ in range(4)]


def test_a_program_is_read_back(compiles):
    first, before = train(), stats()
    made = len(compiles)
    assert made >= 1
    engine.reset()
    assert train() == first
    assert len(compiles) == made
    assert stats().programs - before.programs >= 1  # a program that was read back counts as compiled
    assert last_program_memory().argument_size_in_bytes > 0
    train(rate=0.5)  # a number is an argument, so another one is no new program
    assert len(compiles) == made
    train(width=9)
    assert len(compiles) > made


def test_lines_are_read_back(compiles):
    def look():
        x = torch.arange(5.0) * 2
        return x.exp().cumsum(0)[1:].tolist(), x.max(0), torch.linspace(0, 1, 5).softmax(0)

    with torch.compiler.eager():
        first, made = look(), len(compiles)
        assert made >= 4
        engine.forget()
        assert repr(look()) == repr(first)
    assert len(compiles) == made


def test_what_is_on_disk_need_not_be_readable(kept, compiles):
    first, made = train(), len(compiles)
    for file in files(kept):
        file.write_bytes(file.read_bytes()[:100])
    engine.reset()
    assert train() == first
    assert len(compiles) == 2 * made


def test_an_entry_that_nobody_reads_is_deleted(kept):
    """An entry that was not read for a month is deleted when a process first keeps a program. Reading one back renews it."""
    train()
    (old,) = files(kept)
    long_ago = time.time() - 40 * 24 * 3600
    os.utime(old, (long_ago, long_ago))
    engine.reset()
    train()
    assert old.stat().st_mtime > long_ago + 1
    os.utime(old, (long_ago, long_ago))
    cache_folder.forget_folder()
    train(width=9)
    assert not old.exists()
    assert len(files(kept)) >= 1


def test_a_folder_need_not_be_writable(kept):
    kept.write_text("not a folder")
    assert all(map(math.isfinite, train()))


def test_a_function_of_the_users_is_found_by_its_lowered_form(kept):
    """Another function may have the same name tomorrow."""
    double = torch.func.from_jax(lambda x: x * 2)
    with torch.compiler.eager():
        double(torch.ones(3)).tolist()
    assert len(files(kept)) == 1
    assert not list((kept / "jax").iterdir())  # JAX has its file only while it compiles
    assert jax.config.jax_compilation_cache_dir is None


def test_a_cache_that_the_user_gave_jax_has_everything(kept, tmp_path):
    theirs = tmp_path / "theirs"
    jax.config.update("jax_compilation_cache_dir", str(theirs))
    compilation_cache.reset_cache()
    try:
        train()
        assert not kept.exists()
        assert list(theirs.iterdir())
        assert jax.config.jax_compilation_cache_dir == str(theirs)
        assert jax.config.jax_persistent_cache_min_compile_time_secs == 1  # JAX's own; lower only while jtorch compiles
    finally:
        jax.config.update("jax_compilation_cache_dir", None)
        compilation_cache.reset_cache()
    engine.reset()
    train()  # where JAX's cache finds the program then does not matter
    assert list(kept.iterdir())


def test_a_program_that_calls_lapack_is_found_by_its_lowered_form(kept):
    """JAX registers LAPACK's functions when it lowers a call of one; a program read back without that could not call them."""
    with torch.compiler.eager():
        torch.linalg.inv(torch.eye(3) * 2).tolist()
        (torch.eye(3) @ torch.eye(3)).tolist()
    contents = [file.read_bytes() for file in files(kept)]
    assert {b'{"arguments"' in content for content in contents} == {True, False}
    assert not any(b"lapack_sgetrf" in content for content in contents if b'{"arguments"' in content)


def test_ctrl_c_during_a_step_that_was_read_back(compiles):
    """After an interrupt at any moment, every value is known or still promised."""
    train()
    engine.reset()
    compiles.clear()
    model = Model()
    step = a_step(model, torch.optim.Adam(model.parameters()))
    step().item()
    assert not compiles  # the rest of an interrupted step may be another program
    for _ in interrupted(lambda: step().item()):
        assert np.isfinite(step().item())
        assert all(np.isfinite(p.detach().numpy()).all() for p in model.parameters())


def test_ctrl_c_waits_for_the_end_of_a_first_call():
    """Also if another thread receives the signal: Python runs handlers in the main thread in any case."""
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a shell may start its background jobs without it
    done, sleep = [], threading.Event()
    thread = threading.Thread(target=sleep.wait, daemon=True)
    thread.start()
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012 - where it is raised is what is tested
        with interrupts.uninterrupted():
            os.kill(os.getpid(), signal.SIGINT)
            end = time.perf_counter() + 0.2
            while time.perf_counter() < end:
                pass
            done.append(True)
    sleep.set()
    assert done
    assert signal.signal(signal.SIGINT, before) is signal.default_int_handler


TWO_STARTS = """
import collections
import jax
import jtorch as torch
from jtorch.core.engine import disk
from jtorch.core.facts import config

disk.least_compile_time, config.numpy_lines = 0, False
seen = collections.Counter()
jax.monitoring.register_event_duration_secs_listener(lambda event, *_, **__: seen.update([event.rpartition("/")[2]]))
jax.monitoring.register_event_listener(lambda event, **_: seen.update([event.rpartition("/")[2]]))
w = torch.ones(3, requires_grad=True)
opt = torch.optim.SGD([w], lr=0.5)
for _ in range(3):
    opt.zero_grad()
    (w * w).sum().backward()
    opt.step()
print(w.detach().numpy(), (torch.ones(5) * 2).exp().sum().item())  # one program, and lines that run one by one
print(seen["jaxpr_to_mlir_module_duration"], seen["cache_hits"])
print(torch.linalg.inv(torch.eye(2) * 2).tolist())  # LAPACK: found by its lowered form
print(seen["cache_misses"] == 0, seen["cache_hits"] > 0)
"""


def test_the_second_start_compiles_nothing(tmp_path):
    env = os.environ | {"JTORCH_CACHE_DIR": str(tmp_path), "JTORCH_CACHE": "1"}
    starts = []
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", TWO_STARTS], capture_output=True, text=True, env=env, timeout=240)
        assert done.returncode == 0, done.stderr
        starts.append(done.stdout.splitlines())
    (first, lowered, inverse, _), (second, *counts) = starts
    assert second == first
    assert lowered.split()[1] == "0"
    assert int(lowered.split()[0]) >= 4
    assert counts[:2] == ["0 0", inverse]
    assert counts[2] == "True True"


# ---- names


def _trusted(source):
    """What a source defines, as if it stood in one of jtorch's own modules."""
    return eval(source, {"__name__": "jtorch.core.ops.arithmetic.elementwise", "functools": functools, "np": np})


def _closing(constant):
    return _trusted("lambda c: lambda x: x + c")(constant)


ALIKE = {  # the same thing made twice: one fingerprint
    "code": lambda: _trusted("lambda x: x * 2 + 1"),
    "closures": lambda: _closing((1, "a", None)),
    "calls": lambda: torch.relu.op.call_for(),
    "constants": lambda: (slice(1, None), range(3), np.float32(2), np.dtype("int8"), frozenset("abc"), ...),
    "places": lambda: (dtypes.float32, torch.Size([1, 2]), devices.CPU),
    "functions by reference": lambda: (jax.numpy.add, operator.add, np.add, functools.partial(max, 1)),
    "a function that holds itself": lambda: _trusted("(lambda made: made.append(lambda: made) or made[0])([])"),
}

DIFFERENT = {  # things that differ a little: each has its own fingerprint
    "numbers": [0, False, 0.0, -0.0, 0j, "0", b"0", None, (), [], {}],
    "code": [_trusted(f"lambda x: x {o} {n}") for o in "+-" for n in (1, 2, 1.0)],
    "names": [_trusted("lambda x: x.sum()"), _trusted("lambda x: x.max()")],
    "defaults": [_trusted("lambda x, y=1: x"), _trusted("lambda x, y=2: x"), _trusted("lambda x, *, y=2: x")],
    "closures": [_closing(1), _closing(True), _closing(_closing(1)), _closing(_closing(2))],
    "functions": [jax.numpy.add, jax.numpy.subtract, functools.partial(max, 1), functools.partial(max, 2)],
    "arrays": [np.float32(1), np.float64(1), np.float32(2), np.dtype("f4"), np.dtype("f8"), "<f4"],
    "types that NumPy writes alike": [np.dtype(t) for t in (ml_dtypes.float8_e4m3fn, ml_dtypes.float8_e5m2)],
    "names of arguments": [_trusted("lambda a, b: a - b"), _trusted("lambda b, a: b - a")],
    "calls": [
        torch.relu.op.call_for(),
        torch.sigmoid.op.call_for(),
        torch.sum.op.call_for(0, False, None),
        torch.sum.op.call_for(0, True, None),
    ],
}

NAMELESS = {
    "a function of the user's": lambda: lambda x: x,
    "one in the clothes of ours": lambda: functools.wraps(torch.relu)(lambda x: x),
    "one that ours closes over": lambda: _closing(lambda x: x),
    "an array": lambda: jax.numpy.ones(3),
    "a tensor": lambda: torch.ones(3),
    "an object": object,
}


@pytest.mark.parametrize("made", ALIKE.values(), ids=ALIKE)
def test_the_same_has_one_name(made):
    assert fingerprint.digest(made()) == fingerprint.digest(made()) is not None


@pytest.mark.parametrize("parts", DIFFERENT.values(), ids=DIFFERENT)
def test_what_differs_has_names_of_its_own(parts):
    names = [fingerprint.digest(part) for part in parts]
    assert None not in names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("made", NAMELESS.values(), ids=NAMELESS)
def test_what_may_be_another_tomorrow_has_no_name(made):
    assert fingerprint.digest(made()) is None


def test_settings_are_part_of_a_name():
    names = {fingerprint.digest("x")}
    torch.set_default_dtype(torch.float64)
    try:
        names.add(fingerprint.digest("x"))
    finally:
        torch.set_default_dtype(torch.float32)
    before = jax.config.jax_softmax_custom_jvp
    jax.config.update("jax_softmax_custom_jvp", not before)
    names.add(fingerprint.digest("x"))
    jax.config.update("jax_softmax_custom_jvp", before)
    assert len(names) == 3
    assert fingerprint.digest("x") in names


def test_what_was_recorded_runs_before_a_switch(monkeypatch):
    """A program's fingerprint has the default dtype and the precision of the time when it runs, so lines run before these change."""
    seen, fingerprint_of = [], disk.DiskStore.fingerprint
    now = lambda: (dtypes.get_default_dtype(), engine.precision["matmul"])
    monkeypatch.setattr(disk.DiskStore, "fingerprint", lambda *parts: seen.append(now()) or fingerprint_of(*parts))
    before = now()
    x = torch.arange(64) / 3
    torch.set_default_dtype(torch.float64)
    torch.set_default_dtype(torch.float32)
    y = torch.arange(65.0) @ torch.ones(65)
    engine.set_precision("matmul", "default")
    engine.set_precision("matmul", before[1])
    assert len(seen) >= 2
    assert set(seen) == {before}
    assert (x.dtype, y.item()) == (torch.float32, 2080.0)


def test_a_program_is_named_by_xlas_options_and_the_precision(monkeypatch):
    names = {compiling.fingerprint_of("x")}
    monkeypatch.setattr(config, "compiler_options", {"xla_backend_optimization_level": 1})
    names.add(compiling.fingerprint_of("x"))
    monkeypatch.setitem(engine.precision, "matmul", "default")
    names.add(compiling.fingerprint_of("x"))
    assert len(names) == 3
