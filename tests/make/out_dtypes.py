"""jtorch/core/op/out_dtypes.json: what PyTorch says of an `out` of another dtype than the result, for each op.

"refused": {text: [op, ...]}    every other dtype is refused; {given} and {wanted} stand for the dtypes as PyTorch's messages
                                name them, {given_c} and {wanted_c} as C++ does; `op.1` is the second of an op's results
"lossy": {text: [op, ...]}      a dtype that cannot hold the result is refused with this text and not with the usual one
"written": [op, ...]            none is refused: the op computes in the dtype of `out`, or casts its result
"taken": {op: [dtype, ...]}     dtypes that are taken although all others are refused
"contiguous": [op, ...]         an `out` that is resized becomes contiguous where the result is not

    python -m tests.make out_dtypes
"""

import json
import re
import warnings

import torch

from jtorch.core.facts import dtypes
from tests import ROOT

PATH = ROOT / "jtorch/core/op/out_dtypes.json"
USUAL = "RuntimeError: result type {wanted} can't be cast to the desired output type {given}"
GIVEN = [torch.int16, torch.uint8, torch.int64, torch.float64, torch.float32, torch.complex128, torch.complex64]


def answer(entry, sample, results, i, dtype):
    """What PyTorch says of an `out` of this dtype for the result number i, as "class: text"; "" if it takes it."""
    out = [torch.zeros(t.shape, dtype=dtype if i == j else t.dtype) for j, t in enumerate(results)]
    torch.manual_seed(0)
    try:
        entry.op(sample.input, *sample.args, **sample.kwargs, out=tuple(out) if len(out) > 1 else out[0])
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


def template(text, given, wanted):
    """The text with placeholders for the dtypes."""
    for place, d in (("given", given), ("wanted", wanted)):
        d = dtypes.dtype_named(str(d).removeprefix("torch."))
        text = text.replace("{", "(").replace("}", ")") if "{" in text and place == "given" else text
        text = re.sub(rf"(?<![A-Z\w{{]){d.scalar_name}(?![a-zA-Z}}])|(?<=type){d.scalar_name}\b", f"{{{place}}}", text)
        text = re.sub(rf"(?<![\w<:{{]){re.escape(d.cname)}(?![\w>}}])", f"{{{place}_c}}", text)
    return text


def rules(entry, sample):
    """(key, rule) of each result of a sample: the texts of a dtype that holds it and of one that does not, and what is taken."""
    result = entry.op(sample.input, *sample.args, **sample.kwargs)
    results = list(result) if isinstance(result, tuple | list) else [result]
    for i, t in enumerate(results if all(isinstance(t, torch.Tensor) for t in results) else ()):
        held, lossy, taken = [], [], []
        for given in GIVEN:
            if given is not t.dtype:
                text = template(answer(entry, sample, results, i, given), given, t.dtype)
                (held if torch.can_cast(t.dtype, given) else lossy).append(text)
                taken += [] if text else [str(given).removeprefix("torch.")]
        number = f".{i}" if len(results) > 1 else ""
        yield number, (*(held[:1] or [""]), *(lossy[:1] or [None]), taken, resized(entry, sample, results, i))


def resized(entry, sample, results, i):
    """Whether an empty `out` for the result number i becomes contiguous although the result is not."""
    out = [torch.zeros(0 if i == j else t.shape, dtype=t.dtype) for j, t in enumerate(results)]
    torch.manual_seed(0)
    try:
        entry.op(sample.input, *sample.args, **sample.kwargs, out=tuple(out) if len(out) > 1 else out[0])
    except Exception:
        return False
    return out[i].is_contiguous() and not results[i].is_contiguous()


def make():
    """Writes the file."""
    from tests.parity.entries import samples
    from tests.parity.examine import ENTRIES, dtype_of
    from tests.parity.probes import UNCHECKED

    found = {}
    warnings.simplefilter("ignore")
    for entry in ENTRIES.values():
        if entry.supports_out and entry.name not in UNCHECKED:
            for sample in samples(entry, dtype_of(entry), 3):
                with torch.no_grad():
                    for number, rule in rules(entry, sample):
                        for name in {entry.aten_name.replace(".", "_"), entry.name.rpartition(".")[2]}:
                            found.setdefault(name + number, []).append((rule, entry.name))
    PATH.write_text(json.dumps(_grouped(found), indent=1) + "\n")


def _grouped(found):
    """The rules by text."""
    made = {"refused": {}, "lossy": {}, "written": [], "taken": {}, "contiguous": []}
    for key, answers in sorted(found.items()):
        own = [
            rule for rule, name in answers if name == key.partition(".")[0]
        ]  # `torch.cross` before `torch.linalg.cross`
        answers = own or [rule for rule, _ in answers]
        held, lossy, taken, _ = max(answers, key=lambda a: (answers.count(a), a[1] not in (USUAL, None)))
        made["contiguous"] += [key] if any(contiguous for *_, contiguous in answers) else []
        if held:
            made["refused"].setdefault(held, []).append(key)
            made["taken"] |= {key: taken} if taken else {}
        if lossy not in (None, "", USUAL, held):
            made["lossy"].setdefault(lossy, []).append(key)
        made["written"] += [key] if lossy == "" else []
    return made
