"""A whole trace as one XLA program.

A program computes the values of a trace that are still alive and drops the lines that nobody needs. It donates the leaves
that nobody holds any more. It takes the Python numbers of all lines in one small host array per kind, so that a learning
rate that changes costs neither a compile nor an argument. The forward of a line and its pullback come from one `jax.vjp`.
This file knows positions of a trace by their attributes only.
"""

from __future__ import annotations

import time
from collections import deque
from itertools import count, repeat, starmap
from operator import is_, itemgetter

import jax
import numpy as np

from jtorch.core.engine import bundles, compiling, opaque, program_memory
from jtorch.core.engine.compiling import (
    compiled,
    fingerprint_of,
    jitted,
    program_store,
    running_on,
    tracing,
)
from jtorch.core.engine.lines import lines_of, needed
from jtorch.core.engine.stats import counters
from jtorch.core.engine.value_types import all_on_host

_KINDS = {"b": np.int64, "i": np.int64, "f": np.float64, "c": np.complex128}


class Program:
    """One trace compiled for one pattern of liveness.

    `alive` holds a byte for each slot: whether somebody but the trace holds the value (or no value was made). `guard`: the checks
    of the trace, if it has any. `chosen` are those of its choices (old slot, new slot, flags) that the program makes.
    """

    def __init__(self, path, alive, values, pullback, guard=None):
        lines = lines_of(path)
        outs = [s for line in lines for s in line.outs]
        # Last first, leaves too: JAX gives a donated array to the first output of its shape, and the new value of a
        # parameter is made at the end, after its gradient.
        self.outs = [s for s in reversed(outs) if alive[s] and values[s] is not None]
        chosen = [choice for choice in guard.choices if choice[1] in self.outs] if guard else []
        inner = set(outs)
        self.lines = needed(lines, [*self.outs, *[old for old, *_ in chosen if old in inner]])
        types = {s: t for line in self.lines for s, t in zip(line.slots, line.types, strict=True)}
        leaves = sorted(types.keys() - inner, reverse=True)
        self.chosen = tuple([choice for choice in chosen if choice[0] in inner or choice[0] in types])
        self.on_host = all_on_host(types.values())
        self.taken, self.made = self._pack(leaves, types, inner, alive, values)
        apart = {s for group in (*self.taken, *self.made) for s in group.slots}
        self.outs = [s for s in self.outs if s not in apart]
        self.arrays = [s for s in leaves if not types[s].number and s not in apart]
        self.numbers = {
            k: [s for s in leaves if types[s].number and types[s].dtype.np.kind in k] for k in ("bi", "f", "c")
        }
        self.kept = [bool(alive[s]) for s in self.arrays]
        self.donated = self._donations(
            types, {s: t for line in lines for s, t in zip(line.outs, line.out_types, strict=True)}
        )
        self._take = _getter(self.arrays)
        # Arguments that must not be host arrays: those that are read again, and those that are donated.
        self._held = _getter([i for i, (k, d) in enumerate(zip(self.kept, self.donated, strict=True)) if k or d])
        self._donate = _getter([s for s, d in zip(self.arrays, self.donated, strict=True) if d])
        self._give = _getter(self.outs)
        self._warm = False
        self._call = None  # `jit` once it is compiled, or the program that was read back from disk
        self._landing = ()  # where the results of a program from disk arrive
        self._sent = {}  # by kind: the numbers of the last run, their bits, and the device's copy of them
        self._host = ()  # which arguments were kept host arrays in the last run: their device copies are used at once
        donated = [i for i, d in enumerate([*self.donated, *[group.donated for group in self.taken]]) if d]
        self.jit = self._jitted(_traced_lines(self, pullback), types, donated)
        self.memory = None

    def _jitted(self, step, types, donated):
        """The function of arrays that JAX compiles. `types`: of the slots that lines read."""
        return jitted(step, donated, self.on_host)

    def _is_needed(self):
        """Whether anything depends on the program's run."""
        return bool(self.outs or self.made)

    def _pack(self, leaves, types, inner, alive, values):
        """Pack what lines can take and make as flat arrays: (groups of leaves, groups of outputs)."""
        taken, made = [], []
        if self.on_host:
            read = {s for line in self.lines for s in line.slots}
            new_slots = count(max([*read, *inner]) + 1)
            for i, line in enumerate(self.lines):
                found = bundles.packed_line(line, new_slots, inner, read, alive, values)
                if found is not None and choices.are_whole(self.chosen, *found[1:]):
                    self.lines[i], ins, outs = found
                    taken += ins
                    made += outs
            apart = {s for group in taken for s in group.slots}
            taken += bundles.whole_groups([s for s in leaves if s not in apart], types, values)
        return taken, made

    def _donations(self, types, made):
        """For each array leaf whether nobody holds it and some output can take its place."""
        free = {}
        for s in self.outs:
            key = (made[s].shape, made[s].dtype)
            free[key] = free.get(key, 0) + 1
        donated = []
        for s, kept in zip(self.arrays, self.kept, strict=True):
            key = (types[s].shape, types[s].dtype)
            donated.append(not kept and free.get(key, 0) > 0)
            if donated[-1]:
                free[key] -= 1
        return donated

    def arguments(self, values):
        """The program's arguments. A host array that may be read again is sent to the device once; one that outside code may
        see is copied before it is donated."""
        taken = self._take(values)
        args = [v.array for v in taken]
        for i in self._host:
            if taken[i].sent is not None:
                args[i] = taken[i].sent
        kinds = set(map(type, args))
        if (
            tuple in kinds  # a part of a bundle
            or (np.ndarray in kinds and np.ndarray in map(type, self._held(args)))
            or not all([v.owned for v in self._donate(values)])  # noqa: C419 - a list is faster
        ):
            args = [self._argument(*item) for item in zip(taken, self.kept, self.donated, strict=True)]
            self._host = tuple([i for i, v in enumerate(taken) if v.sent is not None and self.kept[i]])
        for group in self.taken:
            args.append(group.argument(values))
        for kind, slots in self.numbers.items():
            if slots:
                args.append(self._vector(kind, [values[s].array for s in slots]))
        return args

    def _vector(self, kind, numbers):
        """The numbers of one kind, as an argument. Numbers that stay the same, such as a rate, are sent once. A count that
        changes each time is passed as a host array, because `device_put` is slow."""
        before, bits_before, sent = self._sent.get(kind, ((), None, None))
        if sent is not None and all(map(is_, numbers, before)):  # most often the very same objects: 4 us less
            return sent
        array = np.array(numbers, _KINDS[kind[-1]])
        bits = array.tobytes()
        if bits != bits_before:
            sent = None
        elif sent is None:
            sent = jax.device_put(array)
        self._sent[kind] = numbers, bits, sent
        return array if sent is None else sent

    @staticmethod
    def _argument(v, kept, donated):
        array = v.materialize()
        if donated and not (v.owned and array is v.array):  # a part of a bundle belongs to the bundle
            return jax.device_put(np.array(array)) if array.__class__ is np.ndarray else array.copy()
        if array.__class__ is np.ndarray and kept:  # it may be read again: send it once
            if v.sent is None:
                v.sent = jax.device_put(array)
            return v.sent
        return array

    def prepare(self, values, place):
        """Compile or read back from disk. Nothing is donated yet, so Ctrl-C does no harm."""
        start = time.perf_counter()
        program_memory.hold(self)
        fingerprint = self._fingerprint(place)
        call, self._landing = program_store().load_landing(fingerprint, len(self.outs) + len(self.made))
        if call is None:
            with jax.enable_x64(True), running_on(place):
                made, call = compiled(self.jit, self.arguments(values), fingerprint), self.jit
        else:
            made = call
        counters.compiles += 1
        if self.on_host and (needs := made.memory_analysis()) is not None:
            program_memory.sizes.check_memory(
                needs.temp_size_in_bytes + needs.output_size_in_bytes - needs.alias_size_in_bytes
            )
        self.memory = made.memory_analysis
        self._call = call
        counters.seconds += time.perf_counter() - start
        counters.programs += 1

    def _fingerprint(self, place):
        """What identifies the program on disk: all that decides it. None for an accelerator's, which is known by its lowered form."""
        if not self.on_host:
            return None
        lines = [(line.call, line.types, line.slots, line.outs, line.out_types, line.single) for line in self.lines]
        arguments = self.arrays, self.numbers, self.kept, self.donated, self.taken, self.chosen
        return fingerprint_of("program", place, lines, arguments, self.outs, self.made)

    def clear_cache(self):
        """Drop the compiled program; the next run compiles it again."""
        self._warm = False
        self._call = None
        self.memory = None  # it holds the compiled program, too
        self.jit.clear_cache()

    def run(self, values, done, place):
        """Compute the outputs into `values`; `done` is filled the moment they exist.

        Ctrl-C may come between any two bytecodes, and donated inputs are gone. So the results go from the call into the
        list, and from there into the values, each inside a single C call.
        """
        if not self._is_needed():
            done.append(())
            return
        if self._call is None:
            self.prepare(values, place)
        self.used = counters.lines
        with jax.enable_x64(True), running_on(place):
            args = self.arguments(values)
            try:
                if self._warm:
                    done.extend(starmap(self._call, (args,)))
                else:  # the first call runs Python code of JAX's after the program, which no signal may interrupt
                    with compiling.uninterrupted():
                        done.extend(starmap(self._call, (args,)))
                    self._warm = True
            finally:
                if done or self._landing:
                    try:
                        self._hand_out(values, done)
                    except BaseException:  # Ctrl-C came in between: start again
                        self._hand_out(values, done)
                        raise

    def _hand_out(self, values, done):
        """Put the results into the values. May be started again at any point."""
        if self._landing:
            done[:] = [self._landing[-self._landing.size :]]  # JAX may have put it in twice
            self._landing.clear()
        arrays = done[0]
        held = self._give(values)
        deque(map(setattr, held, repeat("array"), arrays), maxlen=0)
        for group, array in zip(self.made, arrays[len(held) :], strict=True):
            group.hand_out(values, array)


choices = None  # jtorch.core.engine.choices, which computes lines with results that are chosen
spread: list = []  # the class of programs with collectives


def _getter(slots):
    if len(slots) == 1:
        only = slots[0]
        return lambda values: (values[only],)
    return itemgetter(*slots) if slots else lambda values: ()


def _traced_lines(program, pullback):
    """The function of (arrays..., bundles..., numbers...) that JAX traces: the lines, each pullback beside its forward."""
    starts, finishes = _forward_pairs(program.lines, pullback)
    chosen = choices.inside(program)

    def step(*args):
        with tracing():
            env, vjps = _environment(program, args), {}
            for i, line in enumerate(program.lines):
                inputs = [env[s] for s in line.slots]
                if line.flats:
                    inputs[: line.flats] = _after(inputs[: line.flats], [env[s] for s in program.outs if s in env])
                if i in starts:
                    out, vjps[i] = starts[i].start_once.shared(inputs)
                elif i in finishes:
                    at, pair = finishes[i]
                    out = pair.finish_once.shared(vjps[at], inputs[len(pair.types) :])
                elif line.call.communicates:
                    out = program.communicate(line, inputs)
                elif not chosen.keys().isdisjoint(line.outs):
                    out = choices.choose(line, inputs, {s: chosen[s] for s in line.outs if s in chosen}, env)
                else:
                    out = line.call.function(line.types).inlined(*inputs)
                env.update(zip(line.outs, [out] if line.single else out, strict=True))
            return [env[s] for s in (*program.outs, *[group.flat for group in program.made])]

    return step


def _forward_pairs(lines, pullback):
    """Which lines share a `jax.vjp`: ({forward line: its pullback}, {pullback line: (its forward line, that pullback)})."""
    forward, starts, finishes = {}, {}, {}
    for i, line in enumerate(lines):
        call = line.call
        forward.setdefault((call, line.slots), i)
        if isinstance(call, pullback) and not call.linear:
            at = forward.get((call.forward, line.slots[: len(call.types)]))
            if at is not None:
                pair = starts.setdefault(at, call)
                if (pair.needs, pair.given) == (call.needs, call.given):
                    finishes[i] = at, pair
    return starts, finishes


def _environment(program, args):
    """{slot: array} of what a program is given."""
    env = dict(zip(program.arrays, args, strict=False))
    rest = iter(args[len(program.arrays) :])
    for group, flat in zip(program.taken, rest, strict=False):
        env[group.flat] = flat
        env.update(group.parts(flat))
    for slots in program.numbers.values():
        if slots:
            vector = next(rest)
            env.update(zip(slots, opaque.scalars(vector) if program.on_host else list(vector), strict=True))
    return env


def _after(flats, outs):
    """The flat arrays, to be overwritten only when these other outputs have been computed: the loss still reads a bias."""
    for out in outs:
        if out.ndim == 0 and jax.numpy.issubdtype(out.dtype, np.floating):
            flats = [opaque.after(out, flat) for flat in flats]
    return flats
