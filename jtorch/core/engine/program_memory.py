"""Limits how many compiled programs stay in memory, and recognizes errors about too little memory.

An XLA program for the CPU takes 0.3 MB and four memory maps for a single line, and hundreds of maps for a network. Linux allows
a process 65,530 maps; with one more, the process dies in the compiler.
"""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

import jax

from jtorch.core.engine.stats import counters
from jtorch.core.facts import config

sizes = None  # jtorch.core.facts.sizes, which raises PyTorch's errors for what no memory can hold

_held: weakref.WeakSet = weakref.WeakSet()  # programs, of traces and of lines, that are compiled
_SHARE = 0.4  # of the memory maps that Linux grants a process


def hold(program) -> None:
    """Note that a program is about to be compiled. Where there are too many, the half not used for longest is dropped.

    A program has `used`, the line count at its last use, and `clear_cache()`. One that was dropped is compiled again at its next run.
    """
    program.used = counters.lines
    _held.add(program)
    if len(_held) >= config.max_programs or (counters.compiles % 32 == 0 and _many_memory_maps()):
        for old in sorted(_held, key=lambda p: p.used)[: len(_held) // 2]:
            _held.discard(old)
            old.clear_cache()
        if _many_memory_maps():  # JAX's caches hold programs too, and so do objects that wait for the garbage collector
            gc.collect()
            jax.clear_caches()


def _many_memory_maps():
    """Whether many memory maps are in use. Counting them takes time, so not every compile counts."""
    limit, maps = Path("/proc/sys/vm/max_map_count"), Path("/proc/self/maps")
    return maps.exists() and maps.read_bytes().count(b"\n") > _SHARE * int(limit.read_text())
