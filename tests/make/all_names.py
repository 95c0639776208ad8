"""fixtures/all_names.json: the public names of all public modules of an installed PyTorch, each under its shortest path."""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
import io
import json
import pkgutil
import types
import warnings

import jtorch
from tests import FIXTURES
from tests.rows import load

# Parts that are programs, tests, or PyTorch's own build and compiler, and no interface.
SKIPPED = (
    "torch.ao.ns", "torch.bin", "torch.contrib", "torch.distributed.flight_recorder", "torch.for_onnx", "torch.fx.passes.tests",
    "torch.include", "torch.lib", "torch.onnx.testing", "torch.share", "torch.testing", "torch.utils.benchmark.examples",
    "torch.utils.bottleneck", "torch.utils.collect_env", "torch.utils.hipify", "torch.utils.jit", "torch.utils.model_dump",
    "torch.utils.show_pickle", "torch.utils.viz",
)  # fmt: skip


def modules(torch):
    """The public modules that can be imported, parents first."""
    yield torch
    for found in pkgutil.walk_packages(torch.__path__, "torch.", onerror=lambda name: None):
        name = found.name
        if any(part.startswith("_") for part in name.split(".")) or name.startswith(SKIPPED):
            continue
        with contextlib.suppress(BaseException), contextlib.redirect_stdout(io.StringIO()):
            yield importlib.import_module(name)
    yield importlib.import_module("torch.testing")


def public(module):
    """The names that a module means to show: its `__all__`, else what it or a module below it defines."""
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return [name for name in listed if not name.startswith("_") and hasattr(module, name)]
    home = module.__name__
    found = []
    for name, value in vars(module).items():
        owner = getattr(value, "__module__", None) or ""
        own = isinstance(value, types.FunctionType | types.BuiltinFunctionType | type) and (
            owner == home or owner.startswith((home + ".", "torch._C" if home == "torch" else home + "."))
        )
        if own and not name.startswith("_"):
            found.append(name)
    return found


def names(torch) -> dict[str, list[str]]:
    """Module -> its names, without those that a package above it shows, too."""
    shown: dict[str, dict] = {}
    for module in modules(torch):
        found = {name: getattr(module, name) for name in public(module)}
        parts = module.__name__.split(".")
        above = [shown.get(".".join(parts[:n]), {}) for n in range(1, len(parts))]
        kept = {}
        for name, value in found.items():
            if isinstance(value, types.ModuleType) or any(a.get(name) is value for a in above):
                continue
            kept[name] = value
        shown[module.__name__] = kept
    made = {module: sorted(found) for module, found in shown.items() if found}
    made["torch.Tensor"] = sorted(name for name in dir(torch.Tensor) if not name.startswith("_"))
    made["torch.nn.Module"] = sorted(name for name in vars(torch.nn.Module) if not name.startswith("_"))
    return dict(sorted(made.items()))


def make():
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = names(torch)
    lines = [f"{json.dumps(name)}: {json.dumps(listed)}" for name, listed in found.items()]
    (FIXTURES / "all_names.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


# ---- what of them is here


def recorded() -> dict[str, list[str]]:
    """The names as the fixture has them."""
    return load("all_names.json", "all_names")


def home(module):
    """jtorch's object for a module or class of PyTorch's; None where there is none."""
    if module in ("torch.Tensor", "torch.nn.Module"):
        return jtorch.Tensor if module == "torch.Tensor" else jtorch.nn.Module
    try:
        return importlib.import_module(module.replace("torch", "jtorch", 1))
    except ImportError:
        return None


def census_name(module, name) -> str:
    """How missing.json calls a name: methods without a module."""
    return f"{ {'torch.Tensor': 'Tensor', 'torch.nn.Module': 'Module'}.get(module, module) }.{name}"


HERE, PARTLY, BY_NAME, ABSENT = "here", "with a difference", "by name only", "not here"


def status(module, name) -> str:
    """What jtorch has of a name: by its docstring, which says what differs, or that a call only raises or has no effect."""
    at = home(module)
    if at is None or not hasattr(at, name):
        return ABSENT
    found = inspect.getattr_static(at, name, None) if isinstance(at, type) else getattr(at, name)
    text = (getattr(found, "__doc__", None) or "") if callable(found) or isinstance(found, property) else ""
    if text.startswith(("Raises ", "Accepted")):
        return BY_NAME
    return PARTLY if "Differs from torch" in text else HERE


@functools.cache
def counted() -> dict[str, dict[str, list[str]]]:
    """Module -> {status: names}."""
    found = {}
    for module, listed in recorded().items():
        by = found[module] = {HERE: [], PARTLY: [], BY_NAME: [], ABSENT: []}
        for name in listed:
            by[status(module, name)].append(name)
    return found


def part(module) -> str:
    """The part of PyTorch that a module is counted with: two or three steps of its name."""
    parts = module.split(".")
    return ".".join(parts[: 3 if parts[1:2] and parts[1] in ("nn", "utils", "distributed") else 2])


def section(reason) -> list[str]:
    """The paragraphs of docs/coverage.md about all public names. `reason` gives why a name is not here."""
    found, parts = counted(), {}
    for module, by in found.items():
        counts = parts.setdefault(part(module), dict.fromkeys(by, 0))
        for kind, listed in by.items():
            counts[kind] += len(listed)
    total = {kind: sum(counts[kind] for counts in parts.values()) for kind in (HERE, PARTLY, BY_NAME, ABSENT)}
    rows = [("all", total), *((f"`{name}`", counts) for name, counts in parts.items())]
    lines = [
        f"| {name} | {sum(counts.values())} | " + " | ".join(map(str, counts.values())) + " |" for name, counts in rows
    ]
    heads = ["| module | names | " + " | ".join(total) + " |", "|---|" + "---:|" * 5]
    return [
        "## Every public name of PyTorch",
        "The names that the public modules of PyTorch 2.13 show, each under its shortest path, also those that no program of the "
        "census uses. *With a difference*: the docstring says which. *By name only*: a call raises, or has no effect.",
        "\n".join(heads + lines),
        "\n".join(["| not here | because |", "|---|---|", *_absences(found, reason)]),
    ]


def _absences(found, reason):
    by_reason: dict[str, list[str]] = {}
    for module, by in found.items():
        absent = by[ABSENT]
        whole = len(absent) == sum(map(len, by.values())) > 1
        if whole and len({reason(census_name(module, name)) for name in absent}) == 1:
            by_reason.setdefault(reason(census_name(module, absent[0])), []).append(f"`{module}.*` ({len(absent)})")
        else:
            for name in absent:
                known = census_name(module, name)
                by_reason.setdefault(reason(known), []).append(f"`{known}`")
    for why, listed in sorted(by_reason.items(), key=lambda row: row[0] or ""):
        yield f"| {', '.join(listed)} | {why} |"
