"""One line that says what machine a table was measured on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path

PACKAGES = ("jax", "jaxlib", "optax", "numpy", "torch")


def line():
    """Processor, cores, memory, Python and package versions, load."""
    versions = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    host = f"{_processor()}, {os.cpu_count()} cores, {_memory()}"
    return f"{host}; Python {platform.python_version()}, {versions}; load {os.getloadavg()[0]:.1f}"


def _processor():
    info = Path("/proc/cpuinfo")
    rows = info.read_text().splitlines() if info.exists() else []
    names = [row for row in rows if row.startswith("model name")]
    return names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()


def gpu():
    """The GPU's name and driver version, as the driver reports them."""
    asked = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()[0]


def _memory():
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "absent"
