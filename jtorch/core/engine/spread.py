"""Collectives, which several processes compute together, and the programs that contain them.

A collective is a line like any other. A program with such lines runs over a mesh of one device in each process, and what
crosses from process to process is a part of it.

Each process compiles a program of its own: the lines that it has recorded, as a `jax.shard_map` over the mesh. The arrays of
a process are its shards of global arrays that are never put together. XLA matches collectives by their order alone, so
the programs may differ in everything else. That order is made certain here: each collective depends on the one before it, and
the first one on the last of the program before, by a number that goes from program to program.

The `runner` that `run_together_by` sets knows the processes and how one waits for the others.
"""

from __future__ import annotations

import functools
from collections import deque

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from jtorch.core.engine import lines, opaque
from jtorch.core.engine.calls import Call
from jtorch.core.engine.compiling import jitted, running_on, tracing
from jtorch.core.engine.program import Program
from jtorch.core.engine.value_types import type_of, without_strides

AXIS = "processes"  # the axis of the mesh, as functions of collectives name it

recorded_at: deque = deque()  # the places in the user's code of the collectives that have not run, in order
runner = None  # has `devices(members, place)` and `run(members, signatures, job)`


def run_together_by(made) -> None:
    """Set the runner, which knows the other processes; None: there are none."""
    global runner
    runner = made
    spread_over.cache_clear()


class Collective(Call):
    """A call that several processes compute together.

    Args:
        fn: function (*arrays, **consts) for JAX to trace where the axis `AXIS` counts the members.
        members: the ranks of the processes, in their order in the group.
        shapes: function (types, number of members, consts) -> (whether there is a single result, [(shape, dtype), ...]).
    """

    communicates = True

    __slots__ = ("members", "shapes")

    def __init__(self, fn, members, consts, name, shapes):
        super().__init__(fn, consts, name, saves=())
        self.members = members
        self.shapes = shapes

    def _infer(self, types):
        place = next(t.place for t in types if t.place is not None)
        single, results = self.shapes(types, len(self.members), self.consts)
        return single, tuple([type_of(tuple(shape), dtype, place) for shape, dtype in results])

    def line(self, types, place):
        key = (place, without_strides(types))
        program = self._lines.get(key)
        if program is None:
            program = self._lines[key] = SpreadLine(self, types, place)
        return program

    def pullback(self, types, needs, given):
        raise RuntimeError(f"derivative for c10d::{self.name} is not implemented")

    def signature(self, types) -> str:
        """What must be the same in all members: the name, the constants, the shapes and dtypes."""
        return f"{self!r} of {', '.join([repr(t) for t in types])}"


class SpreadMesh:
    """One device in each of several processes, and the number that orders their collectives."""

    def __init__(self, members, place):
        self.members = members
        self.device = place.jax
        mesh = Mesh(np.array(runner.devices(members, place)), (AXIS,))
        self.mesh = mesh
        self.size = len(members)
        self.sharded, self.whole = NamedSharding(mesh, PartitionSpec(AXIS)), NamedSharding(mesh, PartitionSpec())
        self.token = self.shard(np.zeros(1, np.float32))

    def shard(self, array):
        """The global array of which this array is the shard here. Its first dimension counts the elements of all processes."""
        if not isinstance(array, jax.Array) or array.devices() != {self.device}:
            array = jax.device_put(array, self.device)
        if not array.ndim:
            return jax.make_array_from_single_device_arrays((), self.whole, [array])
        shape = (array.shape[0] * self.size, *array.shape[1:])
        return jax.make_array_from_single_device_arrays(shape, self.sharded, [array])

    def jitted(self, fn, dimensions, results, donated, on_host):
        """`fn(token, *arrays) -> [token, *results]` compiled over the mesh, given how many dimensions the arrays have."""
        spec = lambda ndim: PartitionSpec(AXIS) if ndim else PartitionSpec()
        spread = jax.shard_map(
            fn,
            mesh=self.mesh,
            in_specs=tuple([spec(n) for n in (1, *dimensions)]),
            out_specs=[spec(n) for n in (1, *results)],
            check_vma=False,
        )
        return jitted(spread, donated, on_host)

    def after(self, results):
        """Keep the new token, when the program that made it has run."""
        self.token = results[0]
        self.token.block_until_ready()


@functools.cache
def spread_over(members, place) -> SpreadMesh:
    """The interned mesh."""
    return SpreadMesh(members, place)


def _with_places(signatures):
    """Signatures of collectives that are about to run, each with its place in the user's code."""
    return [(signature, recorded_at.popleft() if recorded_at else None) for signature in signatures]


def chained(call, types, arrays, token):
    """The results of a collective, computed after `token` is, and the token for the next: see the top of this file."""
    near = token.reshape(-1)[0]
    made = call.function(types).inlined(*[opaque.after(near, a) for a in arrays])
    outs = list(made) if isinstance(made, tuple | list) else [made]
    outs = list(jax.lax.optimization_barrier(tuple(outs)))
    for out in outs:  # XLA drops the barrier, and each result may be that of a collective of its own
        if out.size:
            token = opaque.after(jax.numpy.real(out.reshape(-1)[0]).astype(np.float32), token)
    return outs, token


class SpreadProgram(Program):
    """A trace with collectives as one program of each process: see the top of this file."""

    def __init__(self, path, alive, values, pullback, guard=None):
        collectives = [p for p in path if p.call.communicates]
        self.members = collectives[0].call.members
        self.signatures = [p.call.signature(p.in_types) for p in collectives]
        self.spread = spread_over(self.members, collectives[0].types[0].place)
        super().__init__(path, alive, values, pullback, guard)

    def _jitted(self, step, types, donated):
        out_types = {s: t for line in self.lines for s, t in zip(line.outs, line.out_types, strict=True)}
        dimensions = [types[s].ndim for s in self.arrays] + [1] * (
            len(self.taken) + sum(map(bool, self.numbers.values()))
        )
        results = [out_types[s].ndim for s in self.outs] + [1] * len(self.made)
        return self.spread.jitted(self._ordered(step), dimensions, results, [d + 1 for d in donated], self.on_host)

    def _ordered(self, step):
        """The step with a token that orders its collectives as its first argument and result."""

        def ordered(token, *args):
            self._token = token
            outs = step(*args)
            token, self._token = self._token, None
            return [token, *outs]

        return ordered

    def communicate(self, line, inputs):
        outs, self._token = chained(line.call, line.types, inputs, self._token)
        return outs[0] if line.single else outs

    def arguments(self, values):
        return [self.spread.token, *map(self.spread.shard, super().arguments(values))]

    def _fingerprint(self, place):
        return None

    def run(self, values, done, place):
        self._landed = None
        try:
            runner.run(
                self.members, _with_places(self.signatures), lambda: super(SpreadProgram, self).run(values, done, place)
            )
        finally:
            self._landed = None  # else the results would live until the next run

    def _is_needed(self):
        return True

    def _hand_out(self, values, done):
        if done:
            if self._landed is not done[0]:
                self.spread.after(done[0])
                self._landed = done[0]
            super()._hand_out(values, [[a.addressable_data(0) for a in done[0][1:]]])


class SpreadLine:
    """One collective as a program of its own: `lines.LineProgram` for collectives."""

    __slots__ = ("__weakref__", "call", "jit", "place", "signature", "single", "spread", "types")

    def __init__(self, call, types, place):
        self.call, self.types, self.place = call, types, place
        self.spread = spread_over(call.members, place)
        self.single, outs = call.infer(types)
        self.signature = call.signature(types)
        self.jit = self.spread.jitted(self._step, [t.ndim for t in types], [t.ndim for t in outs], (), False)

    def _step(self, token, *arrays):
        with tracing():
            outs, token = chained(self.call, self.types, arrays, token)
        return [token, *outs]

    def numpy_steps(self):
        """No collective runs in NumPy."""

    def run(self, arrays):
        """The results of the collective."""
        arrays = [lines.SCALARS[a.__class__](a) if a.__class__ in lines.SCALARS else a for a in arrays]
        done = []
        runner.run(
            self.call.members,
            _with_places([self.signature]),
            lambda: done.extend(self._run(arrays)),
        )
        return done[0] if self.single else done

    def _run(self, arrays):
        with jax.enable_x64(True), running_on(self.place):
            results = self.jit(self.spread.token, *[self.spread.shard(a) for a in arrays])
        self.spread.after(results)
        return [a.addressable_data(0) for a in results[1:]]
