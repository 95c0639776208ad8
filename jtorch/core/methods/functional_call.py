"""Modules as functions of their parameters: `functional_call`, `stack_module_state`.

During the call, the modules' own tables of parameters and buffers hold the other tensors.
"""

from __future__ import annotations

import contextlib

from jtorch.core.grad import no_grad
from jtorch.core.ops.gather.joining import stack
from jtorch.core.tensor import Tensor


def functional_call(module, parameter_and_buffer_dicts, args=None, kwargs=None, *, tie_weights=True, strict=False):
    """Call a module with other parameters and buffers.

    Args:
        parameter_and_buffer_dicts: {name: tensor}, or several such dictionaries: what to use instead.
        args: a tuple of arguments, or a single one.
        tie_weights: replace a tensor that the module has under several names under all of them.
        strict: raise unless the names are exactly those of the module.

    >>> m = torch.nn.Linear(2, 1)
    >>> torch.func.functional_call(m, {"weight": torch.ones(1, 2), "bias": torch.zeros(1)}, torch.ones(2))
    tensor([2.])
    """
    given = parameter_and_buffer_dicts
    if not isinstance(given, dict):
        if not isinstance(given, tuple | list) or not all(isinstance(d, dict) for d in given):
            raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
        merged = {}
        for d in given:
            for name in d:
                if name in merged:
                    raise ValueError(
                        f"{[name]} appeared in multiple dictionaries; behavior of functional call is ambiguous"
                    )
            merged.update(d)
        given = merged
    args = () if args is None else args if isinstance(args, tuple) else (args,)
    with replaced_state(module, given, tie_weights, strict):
        return module(*args, **(kwargs or {}))


@contextlib.contextmanager
def replaced_state(module, given, tie_weights=True, strict=False):
    """Inside, the module has other tensors, {name: tensor}, for its parameters and buffers."""
    places = {}  # full name -> (table, key)
    for prefix, m in module.named_modules(remove_duplicate=False):
        for table in (m._parameters, m._buffers):
            for key, t in table.items():
                if t is not None:
                    places[f"{prefix}.{key}" if prefix else key] = (table, key)
    unknown = [name for name in given if name not in places]
    missing = [name for name in places if name not in given]
    full = _tied(places, given) if tie_weights else dict(given)
    if strict:
        missing = [name for name in places if name not in full]
        _check_names(module, unknown, missing)
    before = {name: places[name][0][places[name][1]] for name in full if name in places}
    try:
        for name, t in full.items():
            if name in places:
                table, key = places[name]
                table[key] = t
        yield
    finally:
        for name, t in before.items():
            table, key = places[name]
            table[key] = t


def _tied(places, given):
    """What is given, under every name that its tensor has."""
    names = {}
    for name, (table, key) in places.items():
        names.setdefault(id(table[key]), []).append(name)
    full = dict(given)
    for same in names.values():
        chosen = [given[name] for name in same if name in given]
        if len({id(t) for t in chosen}) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(n for n in same if n in given)}, which are tied. "
                "Consider using tie_weights=False"
            )
        if chosen:
            full.update(dict.fromkeys(same, chosen[0]))
    return full


def _check_names(module, unknown, missing):
    unknown, missing, text = sorted(unknown), sorted(missing), []
    if unknown:
        text.append("Unexpected key(s): " + ", ".join(map(repr, unknown)) + ".")
    if missing:
        text.append("Missing key(s): " + ", ".join(map(repr, missing)) + ".")
    if text:
        raise RuntimeError(f"Error(s) in reparametrizing for {module._get_name()}:\n\t" + "\n\t".join(text))


def stack_module_state(models):
    """({name: parameters of all models, stacked}, {name: their buffers, stacked}): for `vmap` over an ensemble."""
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if not (all(m.training for m in models) or all(not m.training for m in models)):
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if any(type(m) is not type(models[0]) for m in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    params = {
        name: _stacked([dict(m.named_parameters())[name] for m in models]) for name, _ in models[0].named_parameters()
    }
    buffers = {name: _stacked([dict(m.named_buffers())[name] for m in models]) for name, _ in models[0].named_buffers()}
    return params, buffers


def _stacked(tensors: list[Tensor]) -> Tensor:
    wants = [t.requires_grad for t in tensors]
    if any(wants) != all(wants):
        raise RuntimeError(f"Expected {tensors} to have the same .requires_grad")
    with no_grad():
        made = stack(tensors)
    return made.requires_grad_() if all(wants) else made
