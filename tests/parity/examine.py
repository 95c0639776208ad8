"""Examines an entry: each kind of comparison with its samples, and what differs."""

import torch

from tests.parity import probes
from tests.parity.entries import ENTRIES, samples

DTYPES = ["int64", "bool", "bfloat16", "float16", "complex64"]
# kind -> (probe, whether an entry has it)
KINDS = {
    "value": (probes.value, lambda e: True),
    "strides": (probes.strides, lambda e: True),
    "gradient": (probes.gradient, lambda e: e.supports_autograd),
    "second gradient": (probes.second, lambda e: e.supports_autograd and e.supports_gradgrad),
    "forward mode": (probes.forward, lambda e: e.supports_autograd and e.supports_forward_ad),
    "in place": (probes.inplace, lambda e: e.inplace_variant is not None),
    "out": (probes.out, lambda e: e.supports_out and e.name not in probes.UNCHECKED),
    "not contiguous": (probes.strided, lambda e: True),
    "0-dim": (probes.without_dims, lambda e: True),
    "no elements": (probes.without_elements, lambda e: True),
    "whole program": (probes.whole_program, lambda e: True),
    "eager": (probes.eager, lambda e: True),
}
SAMPLES = 8
FEWER = dict.fromkeys(("forward mode", "in place", "out", "not contiguous", *DTYPES), 3)
# PyTorch divides by zero, or reads memory that is not there, and ends the process
CRASHES = {("native_batch_norm", "no elements")}
WITHOUT_GRADIENT = ("value", "strides", "out")


def dtype_of(entry):
    """The dtype that an entry is mostly examined with."""
    dtypes = entry.supported_dtypes("cpu")
    for dtype in (torch.float32, torch.int64, torch.bool, torch.complex64):
        if dtype in dtypes:
            return dtype
    return next(iter(dtypes))


def kinds(entry):
    """The kinds of comparison that an entry has."""
    found = [kind for kind, (_, has) in KINDS.items() if has(entry) and (entry.name, kind) not in CRASHES]
    main, dtypes = dtype_of(entry), entry.supported_dtypes("cpu")
    found += [name for name in DTYPES if getattr(torch, name) in dtypes and getattr(torch, name) is not main]
    return found + (["errors"] if entry.error_inputs_func is not None else [])


def examine(name, kind, count=None, largest=60_000):
    """[what differs, of each sample], with an empty text where nothing does."""
    entry = ENTRIES[name]
    count = count or FEWER.get(kind, SAMPLES)
    if kind == "errors":
        return [probes.compare(probes.wrong, entry, e.sample_input, True) for e in entry.error_inputs("cpu")]
    if kind in DTYPES:
        made = samples(entry, getattr(torch, kind), count, largest=largest)
        return [probes.compare(probes.value, entry, s) for s in made]
    main = dtype_of(entry)
    grad = kind not in WITHOUT_GRADIENT and entry.supports_autograd and (main.is_floating_point or main.is_complex)
    made = samples(entry, main, count, grad, largest)
    if kind == "in place":
        made = [s for s in made if not s.broadcasts_input]
    return [probes.compare(KINDS[kind][0], entry, s) for s in made]
