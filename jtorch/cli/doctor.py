"""`jtorch doctor`: what is installed, where programs run and are kept, and whether a training step, a gradient and a save work."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path

import jax

import jtorch
from jtorch.core.engine import cache_folder
from jtorch.core.facts import KINDS, config
from jtorch.version import __version__ as behaviour
from jtorch.version import jtorch as version

DISTRIBUTION = "jtorch-xla"
PACKAGES = ("jax", "jaxlib", "optax", "numpy")
OPTIONAL = ("torch", "torchvision", "flax", "safetensors", "pillow", "libcst")
HELP = """\
Says what is installed, which devices JAX sees, where compiled programs are kept, how the switches stand, and whether a
training step, a gradient and a save work. Says what to do where something is off; the exit code is then 1."""


def doctor(words: list[str]) -> int:
    """Print the report. Returns 0, or 1 where something is off."""
    parser = argparse.ArgumentParser(
        "jtorch doctor",
        description=HELP,
        epilog="example: jtorch doctor --json > report.json",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    parser.add_argument("--clear-cache", action="store_true", help="delete the compiled programs that are kept on disk")
    options = parser.parse_args(words)
    if options.clear_cache:
        try:
            print(f"deleted {_in_units(cache_folder.clear_cache())} of compiled programs")
        except OSError as error:
            print(f"jtorch doctor: nothing is deleted: {error}", file=sys.stderr)
            return 1
        return 0
    report = examined()
    print(json.dumps(report, indent=1) if options.json else told(report))
    return 1 if report["advice"] else 0


def examined() -> dict:
    """The report, as plain data."""
    report = {
        "versions": versions(),
        "devices": devices(),
        "machine": machine(),
        "cache": cache(),
        "switches": switches(),
        "check": self_check(),
    }
    return {**report, "advice": advice(report)}


def versions() -> dict:
    """By the name of the package; those that need not be there only where they are."""
    found = {"jtorch": version, "behaviour": f"PyTorch {behaviour}", "python": platform.python_version()}
    for name in (*PACKAGES, *OPTIONAL):
        installed = _installed(name)
        if installed or name in PACKAGES:
            found[name] = installed
    return found


def _installed(name):
    # Under `jtorch run`, torch has the version of what jtorch does; a package that is installed has files.
    for found in importlib.metadata.distributions(name=name):
        if found.files is not None:
            return found.version
    return None


def devices() -> list[dict]:
    """What JAX sees, as jtorch names it: kind, model, and memory in bytes where it tells."""
    try:
        found = jax.devices()
    except RuntimeError as error:  # no backend starts
        return [{"device": "none", "error": str(error).splitlines()[0]}]
    names = {platform: kind.name for kind in KINDS.values() for platform in kind.platforms}
    rows = []
    for device in found:
        row = {"device": f"{names.get(device.platform, device.platform)}:{device.id}", "model": device.device_kind}
        told = device.memory_stats() or {}
        row |= {key: told[name] for key, name in (("bytes", "bytes_limit"), ("used", "bytes_in_use")) if name in told}
        rows.append(row)
    return rows


def machine() -> dict:
    """Of this machine: cores that this process may use, and bytes of memory where the system tells."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found = {"cores": cores, "bytes": None, "free": None}
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    except OSError:
        return found
    sizes = {"bytes": "MemTotal", "free": "MemAvailable"}
    return found | {key: int(lines[name].split()[0]) * 1024 for key, name in sizes.items() if name in lines}


def cache() -> dict:
    """The folder of compiled programs, and what is free on its disk."""
    info = cache_folder.cache_info()._asdict()
    there = next((path for path in (Path(info["folder"]), *Path(info["folder"]).parents) if path.exists()), Path("/"))
    return {"on": config.disk_cache, **info, "disk_free": shutil.disk_usage(there).free}


def switches() -> dict:
    """What changes how jtorch and JAX compute."""
    return {
        "eager": config.eager,
        "default_dtype": str(jtorch.get_default_dtype()),
        "float32_matmul_precision": jtorch.get_float32_matmul_precision(),
        "jax_enable_x64": bool(jax.config.jax_enable_x64),
        "jax_default_matmul_precision": jax.config.jax_default_matmul_precision,
        "jax_platforms": jax.config.jax_platforms,
        "xla_flags": config.xla_flags(),
    }


def self_check() -> dict:
    """Whether a gradient, a training step and a save give what they must: the seconds that each took, or an error."""
    found = {}
    for name, work in (("gradient", _gradient), ("step", _step), ("save", _save)):
        start = time.perf_counter()
        try:
            work()
            found[name] = round(time.perf_counter() - start, 2)
        except Exception as error:  # whatever it is, the report tells it
            found[name] = traceback.format_exception_only(error)[-1].strip()
    return found


def _gradient():
    x = jtorch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    (x**3).sum().backward()
    _expect(x.grad.tolist(), [3.0, 12.0, 27.0])


def _step():
    with jtorch.random.fork_rng():
        jtorch.manual_seed(0)
        model = jtorch.nn.Linear(2, 1)
    optimizer = jtorch.optim.SGD(model.parameters(), lr=0.1)
    x = jtorch.tensor([[1.0, 0.0], [0.0, 1.0]])
    losses = []
    for _ in range(3):
        optimizer.zero_grad()
        loss = model(x).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    _expect(losses == sorted(losses, reverse=True), True)


def _save():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.pth")
        jtorch.save({"weight": jtorch.arange(4.0)}, path)
        _expect(jtorch.load(path)["weight"].tolist(), [0.0, 1.0, 2.0, 3.0])


def _expect(got, right):
    if got != right:
        raise ArithmeticError(f"gave {got} instead of {right}")


def advice(report: dict) -> list[str]:
    """What to do where something is off, a sentence each."""
    found = list(_advice_on_packages(report["versions"]))
    for row in report["devices"]:
        if "error" in row:
            found.append(
                f"JAX starts no device ({row['error']}): check JAX_PLATFORMS={report['switches']['jax_platforms']}."
            )
    nvidia = any(row["device"].startswith(KINDS["cuda"].name) for row in report["devices"])
    if not nvidia and Path("/proc/driver/nvidia/version").exists():
        found.append(
            "There is an NVIDIA GPU that JAX does not see: install its CUDA plugin (pip install -U 'jax[cuda13]', or "
            f"'jax[cuda12]' for older drivers){', and unset JAX_PLATFORMS' if report['switches']['jax_platforms'] else ''}."
        )
    kept = report["cache"]
    if not kept["on"]:
        found.append("Compiled programs are not kept (JTORCH_CACHE=0): unset it, and a second start compiles nothing.")
    elif kept["refused"]:
        found.append(
            f"Compiled programs are not kept: {kept['refused']}; set JTORCH_CACHE_DIR to a folder of your own."
        )
    elif kept["disk_free"] < 2**28:
        found.append(
            f"The disk of {kept['folder']} is nearly full: set JTORCH_CACHE_DIR, or run jtorch doctor --clear-cache."
        )
    if report["switches"]["eager"]:
        found.append(
            "JTORCH_EAGER=1 computes each operation by itself, which is slow: unset it unless you look for an error."
        )
    for name, took in report["check"].items():
        if isinstance(took, str):
            found.append(f"The self-check of a {name} failed ({took}): please report it with this page.")
    return found


def _advice_on_packages(installed):
    from packaging.requirements import Requirement

    try:
        wanted = [Requirement(text) for text in importlib.metadata.requires(DISTRIBUTION) or ()]
    except importlib.metadata.PackageNotFoundError:
        wanted = []  # run from its folder, without being installed
    for needed in wanted:
        if (
            needed.marker is None
            and needed.name in installed
            and not needed.specifier.contains(installed[needed.name] or "0", prereleases=True)
        ):
            yield f"{needed.name} {installed[needed.name]} is too old: pip install -U '{needed}'."


def told(report: dict) -> str:
    """The report as lines to read."""
    rows = [
        ("versions", ", ".join(f"{name} {text}" for name, text in report["versions"].items() if name != "behaviour"))
    ]
    rows.append(("", f"behaves as {report['versions']['behaviour']}"))
    for row in report["devices"]:
        size = (
            f", {_in_units(row['bytes'])}, {_in_units(row['used'])} in use" if "bytes" in row and "used" in row else ""
        )
        rows.append(("device", f"{row['device']} ({row.get('model') or row.get('error')}{size})"))
    here = report["machine"]
    sizes = f", {_in_units(here['bytes'])} of memory, {_in_units(here['free'])} free" if here["bytes"] else ""
    rows.append(("machine", f"{here['cores']} cores{sizes}"))
    kept = report["cache"]
    state = "" if kept["on"] and not kept["refused"] else " (not in use)"
    rows.append(
        (
            "cache",
            f"{kept['folder']}{state}: {kept['files']} programs, {_in_units(kept['bytes'])} of {_in_units(kept['limit'])}",
        )
    )
    rows += [
        ("switches" if not at else "", f"{name} = {value}")
        for at, (name, value) in enumerate(report["switches"].items())
    ]
    for at, (name, took) in enumerate(report["check"].items()):
        rows.append(
            ("" if at else "self-check", f"{name}: {took if isinstance(took, str) else f'right, {took:.2f} s'}")
        )
    rows += [("" if at else "to do", text) for at, text in enumerate(report["advice"] or ["nothing: all is well"])]
    return "\n".join(f"{title:12}{text}" for title, text in rows)


def _in_units(count):
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
