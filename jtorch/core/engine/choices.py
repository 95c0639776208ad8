"""Results of a line that are chosen between an old and a new value as soon as they are computed.

What the line goes on to compute from a new value then uses the chosen one, so that no program needs both: an update of Adam's
would else keep a moment as it was computed, for the parameter, and a chosen one for the next step.
"""

from __future__ import annotations

import jax
from jax.extend.core import ClosedJaxpr, Literal, jaxpr_as_fun


def inside(program) -> dict:
    """{new slot: (old slot, flags)} inside a program: for values that are packed, the slots of the flat arrays."""
    found = {new: (old, flags) for old, new, flags in program.chosen}
    flat = {group.slots: group.flat for group in program.taken}
    for group in program.made:
        parts = [found.pop(s, None) for s in group.slots]
        if parts[0] is not None:
            found[group.flat] = flat[tuple([old for old, _ in parts])], parts[0][1]
    return found


def are_whole(chosen, taken, made) -> bool:
    """Whether the values of flat arrays are chosen together, or none of them is."""
    old = {new: old for old, new, _ in chosen}
    return all(
        old.keys().isdisjoint(after.slots) or before.slots == tuple(map(old.get, after.slots))
        for before, after in zip(taken, made, strict=True)
    )


def choose(line, inputs, choices, env):
    """The results of a line: an array, or a list of them.

    Args:
        line: a `lines.Line`.
        choices: {slot of a result: (slot of the old value, slots of flags)}. It keeps the old value if a flag is true.
        env: {slot: array}, which holds the old values and the flags.
    """
    chosen = {}
    for k, s in enumerate(line.outs):
        if s in choices:
            old, flags = choices[s]
            failed = env[flags[0]].any()
            for flag in flags[1:]:
                failed |= env[flag].any()
            chosen[k] = failed, env[old]
    if line.single:
        return _choose(*chosen[0], line.call.function(line.types).inlined(*inputs))
    return _evaluated(line.call.function(line.types).traced_for([t.aval for t in line.types]).jaxpr, inputs, chosen)


def _choose(failed, old, new):
    return jax.lax.select(failed, old, new)


def _evaluated(closed, inputs, choices):
    """The results of a jaxpr. `choices`: {number of a result: (flag, old array)}."""
    jaxpr = closed.jaxpr
    read = lambda atom: atom.val if isinstance(atom, Literal) else env[atom]
    env = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*closed.consts, *inputs], strict=True))
    at_once = {atom: k for k, atom in enumerate(jaxpr.outvars) if k in choices and not isinstance(atom, Literal)}
    late = set(choices)
    for eqn in jaxpr.eqns:
        given = dict.fromkeys(atom for atom in eqn.invars if not isinstance(atom, Literal))
        step = jaxpr.replace(constvars=[], invars=[*given], outvars=eqn.outvars, eqns=[eqn])
        for var, array in zip(eqn.outvars, jaxpr_as_fun(ClosedJaxpr(step, []))(*map(read, given)), strict=True):
            if var in at_once:
                array = _choose(*choices[at_once[var]], array)
                late.discard(at_once[var])
            env[var] = array
    outs = map(read, jaxpr.outvars)
    return [_choose(*choices[k], array) if k in late else array for k, array in enumerate(outs)]
