"""`torch.cpu`: synchronize, streams that exist so that code for any device runs here, too, and what the processor can do."""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Mapping
from types import MappingProxyType

from jtorch.core import engine
from jtorch.core.op import public_in


@public_in("jtorch.cpu")
def synchronize(device=None) -> None:
    """Run what was recorded."""
    engine.flush()


class Stream:
    """A queue of work. The CPU has none: each method does nothing."""

    def __init__(self, priority: int = -1):
        pass

    def wait_stream(self, stream) -> None:
        """Accepted, and does nothing."""

    def record_event(self) -> None:
        """Accepted, and does nothing."""

    def wait_event(self, event) -> None:
        """Accepted, and does nothing."""


class Event:
    """A point in a queue of work; it has always passed."""

    def query(self) -> bool:
        """True."""
        return True

    def record(self, stream=None) -> None:
        """Accepted, and does nothing."""

    def synchronize(self) -> None:
        """Accepted, and does nothing."""

    def wait(self, stream=None) -> None:
        """Accepted, and does nothing."""


_stream_now = Stream()


@public_in("jtorch.cpu")
def current_stream(device=None) -> Stream:
    """The stream of the innermost `stream` block."""
    return _stream_now


class StreamContext:
    """A `with` block in which `current_stream()` is a given stream."""

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        global _stream_now
        self._before = _stream_now
        _stream_now = _stream_now if self.stream is None else self.stream

    def __exit__(self, *exc):
        global _stream_now
        _stream_now = self._before


@public_in("jtorch.cpu")
def stream(stream) -> StreamContext:
    """A `with` block in which `current_stream()` is this stream."""
    return StreamContext(stream)


@public_in("jtorch.cpu")
@functools.cache
def get_capabilities() -> Mapping[str, object]:
    """What the processor is and can do: its name, its number of cores, and its instruction sets where Linux tells them.

    >>> torch.cpu.get_capabilities()["num_logical_cores"] > 0
    True
    """
    facts, cores = _processor_facts()
    flags = facts.get("flags", facts.get("Features", "")).split()
    known = {name: flag in flags for name, flag in _INSTRUCTIONS.items()} if flags else {}
    logical = os.cpu_count() or 1
    return MappingProxyType(
        {
            "architecture": platform.machine(),
            "cpu_name": facts.get("model name", platform.processor()),
            "num_logical_cores": logical,
            "num_physical_cores": len(cores) or logical,
            **known,
        }
    )


_INSTRUCTIONS = {
    **{name: name for name in "sse sse2 ssse3 sse4_1 sse4_2 sse4a avx avx2 aes f16c bmi2 popcnt fma4 clflush clflushopt clwb".split()},
    **{f"avx512_{name}": f"avx512{name}" for name in "f cd dq bw vl ifma vbmi".split()},
    **{f"avx512_{name}": f"avx512_{name}" for name in "vnni bf16 fp16 bitalg vbmi2 vpopcntdq vp2intersect".split()},
    **{f"amx_{name}": f"amx_{name}" for name in "bf16 fp16 int8 tile".split()},
    "avx_vnni": "avx_vnni", "sse3": "pni", "fma3": "fma", "bmi": "bmi1", "lzcnt": "abm", "sha": "sha_ni",
}  # fmt: skip


def _processor_facts():
    """What /proc/cpuinfo says of the first processor, and the cores that it tells apart."""
    facts, cores, now = {}, set(), {}
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            for line in file:
                name, _, value = line.partition(":")
                now[name.strip()] = value.strip()
                facts.setdefault(name.strip(), value.strip())
                if name.strip() == "core id":
                    cores.add((now.get("physical id"), value.strip()))
    except OSError:
        pass  # no Linux
    return facts, cores


Stream.__module__ = Event.__module__ = StreamContext.__module__ = "jtorch.cpu"
