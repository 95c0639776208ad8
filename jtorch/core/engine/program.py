"""Traces turned into XLA programs: the only file that says `jax.jit`.

A program computes the values of a trace that are still alive, drops the lines nobody needs, donates the leaves
that nobody holds any more, and takes the Python numbers of all lines in one small host array per kind, so that a
learning rate that changes costs neither a compile nor an argument. The forward of a line and its pullback come
from one `jax.vjp`. This file knows positions of a trace by their attributes only.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import signal
import threading
import time
import warnings
import weakref
from collections import deque
from dataclasses import dataclass
from itertools import repeat, starmap
from operator import is_, itemgetter
from pathlib import Path

import jax
import numpy as np

from jtorch.core.engine import bundles, disk, xla_options
from jtorch.core.facts import config, devices

_KINDS = {"b": np.int64, "i": np.int64, "f": np.float64, "c": np.complex128}


class Counters:
    """What the engine did so far: see `jtorch.compiler.stats`."""

    def __init__(self):
        self.lines = self.misses = self.runs = self.line_runs = self.compiles = self.programs = 0
        self.positions = 0
        self.seconds = 0.0
        self.warned = False

    def warn_of_compiles(self, where):
        """Say once that programs are compiled more often than they are used again. `where`: the user's file and line, or None."""
        if not self.warned and self.programs >= config.warn_after > self.runs - self.programs:
            self.warned = True
            warnings.warn_explicit(
                f"jtorch compiled {self.programs} programs and ran them {self.runs} times: something in the loop is new"
                " each time. jtorch.compiler.explain() tells what.",
                UserWarning,
                *(where or (__file__, 0)),
            )


counters = Counters()


@dataclass(slots=True)
class Line:
    """One line with its slots numbered: where it reads, where it writes."""

    call: object
    types: tuple
    slots: tuple
    outs: tuple
    out_types: tuple
    single: bool


def number(path) -> list[Line]:
    """The lines of a trace with slots, numbered as recording numbered them: leaves at their first use."""
    lines, n = [], 0
    for position in path:
        slots = []
        for k in position.key[1:]:
            if k.__class__ is int:
                slots.append(k)
            else:
                slots.append(n)
                n += 1
        outs = tuple(range(n, n + len(position.types)))
        n += len(outs)
        lines.append(Line(position.call, position.in_types, tuple(slots), outs, position.types, position.single))
    return lines


def needed(lines, wanted) -> list[Line]:
    """The lines that the wanted slots depend on, in order."""
    wanted, kept = set(wanted), []
    for line in reversed(lines):
        if not wanted.isdisjoint(line.outs):
            kept.append(line)
            wanted.update(line.slots)
    return kept[::-1]


class Program:
    """One trace compiled for one pattern of liveness.

    `alive` holds a byte for each slot: whether somebody but the trace holds the value (or no value was made).
    """

    def __init__(self, path, alive, values, pullback):
        lines = number(path)
        outs = [s for line in lines for s in line.outs]
        # Last first, leaves too: JAX gives a donated array to the first output of its shape, and what takes the place of
        # a parameter is made at the end, after its gradient.
        self.outs = [s for s in reversed(outs) if alive[s] and values[s] is not None]
        self.lines = needed(lines, self.outs)
        types = {s: t for line in self.lines for s, t in zip(line.slots, line.types, strict=True)}
        leaves = sorted(types.keys() - set(outs), reverse=True)
        self.on_host = on_host(types.values())
        self.taken, self.made, self.bundled = self._bundles(leaves, types, set(outs), alive, values)
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
        # arguments that may not be host arrays: those that are read again, and those that are donated
        self._held = _getter([i for i, (k, d) in enumerate(zip(self.kept, self.donated, strict=True)) if k or d])
        self._donate = _getter([s for s, d in zip(self.arrays, self.donated, strict=True) if d])
        self._give = _getter(self.outs)
        self._warm = False
        self._call = None  # what is called, once there is something: `jit`, or what was read back from disk
        self._landing = ()  # where the results arrive of what was read back
        self._sent = {}  # by kind: the numbers of the last run, their bits, and the device's copy of them
        self._host = ()  # which arguments were kept host arrays in the last run: their copies are taken at once
        donated = [i for i, d in enumerate([*self.donated, *[group.donated for group in self.taken]]) if d]
        self.jit = jax.jit(
            _function(self, pullback), donate_argnums=donated, compiler_options=xla_options.ordinary(self.on_host)
        )
        self.memory = None

    def _bundles(self, leaves, types, inner, alive, values):
        """(groups of leaves, groups of outputs) that are one flat array each, and the numbers of the lines that make them."""
        taken, made, bundled = [], [], set()
        if self.on_host:
            read = {s for line in self.lines for s in line.slots}
            for i, line in enumerate(self.lines):
                ins, outs = bundles.bundled(line, inner, read, alive, values)
                if ins:
                    bundled.add(i)
                    taken += ins
                    made += outs
            apart = {s for group in taken for s in group.slots}
            taken += bundles.found([s for s in leaves if s not in apart], types, values)
        return taken, made, bundled

    def _donations(self, types, made):
        """Which array leaves nobody holds and some output can take the place of."""
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
        """The program's arguments. A host array that may be read again is sent once; one that outside code may see is copied
        before it is donated. A part of a bundle is a tuple here."""
        taken = self._take(values)
        args = [v.array for v in taken]
        for i in self._host:
            if taken[i].sent is not None:
                args[i] = taken[i].sent
        kinds = set(map(type, args))
        if (
            tuple in kinds
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
        """The numbers of one kind, as an argument. Those that stay the same, like a rate, are sent once: `device_put` takes
        long, so that a count that moves on each time is better handed over as it is."""
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
        array = v.known()
        if donated and not (v.owned and array is v.array):  # a part of a bundle is the bundle's
            return jax.device_put(np.array(array)) if array.__class__ is np.ndarray else array.copy()
        if array.__class__ is np.ndarray and kept:  # it may be read again: send it once
            if v.sent is None:
                v.sent = jax.device_put(array)
            return v.sent
        return array

    def prepare(self, values, place):
        """Compile or read back, interruptibly, before anything is donated."""
        start = time.perf_counter()
        keep(self)
        name = self._name(place)
        landing = disk.Landing(len(self.outs) + len(self.made))
        made = disk.load(name, landing.tree())
        call, self._landing = (self.jit, ()) if made is None else (made, landing)
        if made is None:
            with jax.enable_x64(True), on(place):
                made = compiled(self.jit, self.arguments(values), name)
        counters.compiles += 1
        self.memory = made.memory_analysis
        self._call = call
        counters.seconds += time.perf_counter() - start
        counters.programs += 1

    def _name(self, place):
        """What the program is known by on disk: all that decides it. Programs of accelerators are left to JAX's cache."""
        if not self.on_host:
            return None
        lines = [(line.call, line.types, line.slots, line.outs, line.out_types, line.single) for line in self.lines]
        arguments = self.arrays, self.numbers, self.kept, self.donated, self.taken
        return _named("program", place, lines, arguments, self.outs, self.made, sorted(self.bundled))

    def clear_cache(self):
        """Let go of what was compiled; the next run compiles it again."""
        self._warm = False
        self._call = None
        self.memory = None  # it holds the compiled program, too
        self.jit.clear_cache()

    def run(self, values, done, place):
        """Compute the outputs into `values`; `done` is filled the moment they exist.

        Ctrl-C may come between any two bytecodes, and donated inputs cannot be had again, so the results go
        from the call into the list, and from there into the values, inside single C calls.
        """
        if not self.outs and not self.made:
            done.append(())
            return
        if self._call is None:
            self.prepare(values, place)
        self.used = counters.lines
        with jax.enable_x64(True), on(place):
            args = self.arguments(values)
            try:
                if self._warm:
                    done.extend(starmap(self._call, (args,)))
                else:  # the first call runs Python code of JAX's after the program: no signal in there
                    with _no_interrupt():
                        done.extend(starmap(self._call, (args,)))
                    self._warm = True
            finally:
                if done or self._landing:
                    try:
                        self._hand_out(values, done)
                    except BaseException:  # Ctrl-C in the midst of it: once more, from the start
                        self._hand_out(values, done)
                        raise

    def _hand_out(self, values, done):
        """From where they are into the values; may be begun anew at any point."""
        if self._landing:
            done[:] = [self._landing[-self._landing.size :]]  # JAX may have put it in twice
            self._landing.clear()
        arrays = done[0]
        held = self._give(values)
        deque(map(setattr, held, repeat("array"), arrays), maxlen=0)
        for group, array in zip(self.made, arrays[len(held) :], strict=True):
            group.hand_out(values, array)


_STRONG = {
    bool: np.bool_,
    int: np.int64,
    float: np.float64,
    complex: np.complex128,
}  # numbers, as whole programs take them


def _getter(slots):
    if len(slots) == 1:
        only = slots[0]
        return lambda values: (values[only],)
    return itemgetter(*slots) if slots else lambda values: ()


def _function(program, pullback):
    """The function of (arrays..., numbers...) that jax traces: the lines, each pullback beside its forward."""
    lines = program.lines
    forward = {(line.call, line.slots): i for i, line in enumerate(lines)}
    pairs = {}  # index of a forward line -> the pullback that will be fed from its vjp
    for line in lines:
        call = line.call
        if isinstance(call, pullback) and not call.linear:
            at = forward.get((call.forward, line.slots[: len(call.types)]))
            if at is not None:
                pairs.setdefault(at, call)

    def program_(*args):
        with tracing():
            return traced(*args)

    def traced(*args):
        env = dict(zip(program.arrays, args, strict=False))
        flats = args[len(program.arrays) : len(program.arrays) + len(program.taken)]
        for group, flat in zip(program.taken, flats, strict=True):
            env.update(zip(group.slots, group.parts(flat, bundles.hidden(group.starts, flat[0].real)), strict=True))
        vectors = iter(args[len(program.arrays) + len(flats) :])
        for slots in program.numbers.values():
            if slots:
                env.update(zip(slots, _numbers(next(vectors), program.on_host), strict=True))
        vjps, whole = {}, []
        for i, line in enumerate(lines):
            inputs = [env[s] for s in line.slots]
            call = line.call
            if i in program.bundled:
                mine, flats = flats[: len(call.bundles())], flats[len(call.bundles()) :]
                made, out = call.bind_bundled(line.types)(
                    _after(mine, [env[s] for s in program.outs if s in env]), inputs
                )
                whole += made
            elif i in pairs:
                out, vjps[i] = pairs[i].halves[0].shared(inputs)
            elif isinstance(call, pullback) and not call.linear:
                at = forward.get((call.forward, line.slots[: len(call.types)]))
                if at in vjps and (pairs[at].needs, pairs[at].given) == (call.needs, call.given):
                    out = pairs[at].halves[1].shared(vjps[at], inputs[len(call.types) :])
                else:
                    out = call.function(line.types).inlined(*inputs)
            else:
                out = call.function(line.types).inlined(*inputs)
            env.update(zip(line.outs, [out] if line.single else out, strict=True))
        return [env[s] for s in program.outs] + whole

    program_.__name__ = "step"
    return program_


def _after(flats, outs):
    """The flat arrays, which are to be used up when these other outputs have been computed: a loss reads the last bias in
    its own time."""
    for out in outs:
        if out.ndim == 0 and jax.numpy.issubdtype(out.dtype, np.floating):
            flats = [bundles.after(out, flat) for flat in flats]
    return flats


def _numbers(vector, on_host):
    """The elements of a vector, each an array of no dimensions."""
    if not on_host or vector.size < 4 or vector.dtype == np.complex128:
        return list(vector)
    places = bundles.hidden(range(vector.size), vector[0])
    return [jax.lax.dynamic_index_in_dim(vector, i, keepdims=False, allow_negative_indices=False) for i in places]


def on_host(types) -> bool:
    """Whether arrays of these types are computed on the host: a tensor of the host may meet those of a device."""
    return {t.place for t in types} - {None} == {devices.CPU}


class LineProgram:
    """One line compiled on its own, for running a trace line by line.

    A function of `jax.jit` holds on to all that it was lowered to: 1.2 MB each, and an MLIR context, among which MLIR
    looks around whenever it makes another: after 2,000 lines each compile took 40 ms longer. So only what was compiled
    is kept. (A whole program needs jit's call, which no Ctrl-C comes into, or a `disk.Landing`.)
    """

    __slots__ = ("__weakref__", "compiled", "few", "function", "named", "on_host", "used")

    def __init__(self, function, on_host, few, named):
        self.function = function
        self.on_host = on_host
        self.few = few  # whether it is one of the host's with so few elements that compiling takes longer than running
        self.named = named  # what decides it
        self.compiled = None

    def run(self, arrays):
        """What the line gives."""
        arrays = [_STRONG[a.__class__](a) if a.__class__ in _STRONG else a for a in arrays]
        if self.compiled is None:
            keep(self)
            self.compiled = self._made(arrays)  # at once: another thread may be here, too
        self.used = counters.lines
        return self.compiled(*arrays)

    def _made(self, arrays):
        name = _named("line", *self.named) if self.on_host else None
        made = disk.load(name)
        if made is None:
            ordinary = xla_options.ordinary(self.on_host)
            made = self._quickly(arrays, name) if self.few else self._compiled(arrays, name, ordinary)
        counters.compiles += 1
        return made

    def _quickly(self, arrays, name):
        while True:
            try:
                return self._compiled(arrays, name, xla_options.quick())
            except jax.errors.JaxRuntimeError as error:
                if not xla_options.forgotten(error):
                    raise

    def _compiled(self, arrays, name, with_options):
        fresh = Function(self.function.inlined, self.function.name).traced  # with it goes what JAX keeps of it
        with tracing():
            return compiled(jax.jit(fresh, compiler_options=with_options), arrays, name)

    def clear_cache(self):
        """Let go of what was compiled; the next run compiles it again."""
        self.compiled = None


def _named(*parts):
    """What a program of the host that these parts decide is known by on disk, or None."""
    return disk.name(precision, xla_options.ordinary(on_host=True), *parts)


def compiled(jit, arguments, name):
    """A function of `jax.jit` compiled for arguments like these, ahead of its first call, and kept on disk."""
    start = time.perf_counter()
    with _compiling, _no_collection():
        lowered = jit.lower(*arguments)
        if name is None or not disk.can_keep(lowered):
            with disk.jax_cache():
                return lowered.compile()
        made = lowered.compile()
    if time.perf_counter() - start > disk.worth_keeping:
        disk.save(name, made)
    return made


_compiling = threading.RLock()  # one at a time: whether JAX has a cache is a setting of the whole process


_kept: weakref.WeakSet = weakref.WeakSet()  # programs, of traces and of lines, that are compiled
_SHARE = 0.4  # of the memory maps that Linux grants a process


def keep(program):
    """Note that a program is about to be compiled.

    There cannot be any number of them. XLA's for the CPU take 0.3 MB and four memory maps for a line, and hundreds for a
    network, of the 65,530 that Linux grants a process: one too many, and it dies in the compiler. So the half that was
    not used for longest goes; it comes back when it is used again.
    """
    program.used = counters.lines
    _kept.add(program)
    if len(_kept) >= config.max_programs or (counters.compiles % 32 == 0 and _crowded()):
        for old in sorted(_kept, key=lambda p: p.used)[: len(_kept) // 2]:
            _kept.discard(old)
            old.clear_cache()
        if _crowded():  # by what JAX itself keeps, and by what waits for the collector
            gc.collect()
            jax.clear_caches()


def _crowded():
    """Whether a good part of the memory maps is taken. They are counted, so this is not asked at each program."""
    limit, maps = Path("/proc/sys/vm/max_map_count"), Path("/proc/self/maps")
    return maps.exists() and maps.read_bytes().count(b"\n") > _SHARE * int(limit.read_text())


# How XLA multiplies float32 on an accelerator. PyTorch's defaults: TF32 (JAX's default) in convolutions, not in products.
precision = {"matmul": "highest", "convolution": "default"}


@contextlib.contextmanager
def tracing():
    """In here JAX traces as for programs: with 64-bit types and PyTorch's precision of products. What it traced
    before under the same switches it takes from its cache."""
    with jax.enable_x64(True), jax.default_matmul_precision(precision["matmul"]):
        yield


class Function:
    """A function of arrays as one object, `traced`, of which JAX remembers what it traced."""

    def __init__(self, fn, name):
        def traced(*arrays):
            return fn(*arrays)

        self.name = traced.__name__ = name.replace(".", "_")
        self.traced = traced

    @functools.cached_property
    def inlined(self):
        """For use as a part of what is being traced."""
        return jax.jit(self.traced, inline=True)

    @functools.cached_property
    def shared(self):
        """For use as one of several parts that are alike, such as a network's layers: JAX traces it once for all of them."""
        return jax.jit(self.traced)


@contextlib.contextmanager
def _no_collection():
    """Tracing makes so many objects that Python's collector looks through all that was imported: 80 ms of a start."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


@contextlib.contextmanager
def _no_interrupt():
    """Ctrl-C waits in here: its handler is run afterwards. (To block the signal would only have another thread take it, of
    which XLA has many, and Python's handlers run in the main thread whoever took it.)"""
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield
        return
    came = []
    signal.signal(signal.SIGINT, lambda *what: came.append(what))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handler)
        for what in came[:1]:
            handler(*what)


_home: dict = {}  # place -> whether programs run there anyway


def on(place):
    """Run on this place although its arrays may come from the host."""
    home = _home.get(place)
    if home is None:
        home = _home[place] = place.jax is None or place.jax == jax.local_devices()[0]
    return _NOTHING if home else jax.default_device(place.jax)


_NOTHING = contextlib.nullcontext()


def run_lines(position, alive, values, place, broken=None):
    """Run a trace line by line, each with a program of its own that other traces share.

    With `broken`, a line that raises only keeps back what depends on it: {slot: error} is put in there.
    """
    lines = number(position.path())
    wanted = {i for i, held in enumerate(alive) if held and values[i] is not None}
    kept = needed(lines, wanted)
    uses = {}
    for line in kept:
        for s in line.slots:
            uses[s] = uses.get(s, 0) + 1
    arrays = {}
    with jax.enable_x64(True), on(place):
        for line in kept:
            start = time.perf_counter()
            before = counters.compiles
            try:
                if broken and (cause := next(filter(None, map(broken.get, line.slots)), None)):
                    raise cause
                inputs = [arrays[s] if s in arrays else values[s].known() for s in line.slots]
                out = line.call.line(line.types, place).run(inputs)
            except Exception as error:
                if broken is None:
                    raise
                broken.update(dict.fromkeys(line.outs, error))
                continue
            if counters.compiles > before:
                counters.seconds += time.perf_counter() - start
            counters.line_runs += 1
            for s, a in zip(line.outs, [out] if line.single else out, strict=True):
                arrays[s] = a
            for s in line.slots:  # let go of what no later line reads
                uses[s] -= 1
                if not uses[s] and s not in wanted:
                    arrays.pop(s, None)
    for s, a in arrays.items():
        if s in wanted:
            values[s].array = a
