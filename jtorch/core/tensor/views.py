"""Views: how a tensor reads part of a storage, and writes through to it.

A `View` is one step: its parent view, the call that reads it, its type and offset. To read it, the call is applied to what
the parent shows. To write through it, `Write` records the base with the viewed cells replaced; those are found by reading the
base's positions through the view, where the op declares no `writer`.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jtorch.core.engine import Call, Value, local, type_of
from jtorch.core.facts import dtypes, may_overlap, overlaps
from jtorch.core.grad import at_offset
from jtorch.core.tensor.storage import Storage

_MANY = 4096  # layouts that a call keeps: an index may take any number of values


class ViewCall(Call):
    """How one view is read and written.

    `geometry(shape, strides, offset, **numbers, **consts)` returns the (shape, strides, offset) that PyTorch would show, and
    raises its errors. `writer(base, new, **numbers, **consts)` returns the base with the viewed cells replaced; without one
    they are found by reading the base's positions through the view. `numbers` names the parameters that are values.
    """

    __slots__ = ("geometry", "layouts", "named", "numbers", "retype", "writer")

    def __init__(self, fn, consts, name, geometry, writer, named, numbers=(), retype=None):
        super().__init__(fn, consts, name, saves=())
        self.numbers = numbers
        self.geometry = geometry
        self.writer = writer
        self.named = named
        self.retype = retype
        self.layouts = {}

    def grad_fn(self, types):
        return self.named

    def layout(self, type, offset, numbers):
        """(Type, offset) of the view of a tensor of this type at this offset."""
        if self.retype and offset:  # from here on the offset counts elements of another size
            return self.layout_of(type, offset, [n.array for n in numbers])
        key = (type, *[(n.type, n.array) for n in numbers]) if numbers else type
        found = self.layouts.get(key)
        if found is None:
            if len(self.layouts) > _MANY:
                self.layouts.clear()
            found = self.layouts[key] = self.layout_of(type, 0, [n.array for n in numbers])
        return (found[0], found[1] + offset) if offset else found

    @property
    def numpy_layout(self):
        """`layout_of`, where an array of NumPy's can show the view in the same way; else None."""
        return None if self.retype or self.name == "as_strided" else self.layout_of

    def layout_of(self, type, offset, numbers):
        shape, strides, offset = self.geometry(type.shape, type.strides, offset, **self._arguments(numbers))
        d = self.retype(type.dtype, **self.consts) if self.retype else type.dtype
        return type_of(tuple(shape), d, type.place, tuple(strides)), offset

    def _arguments(self, numbers):
        return {**dict(zip(self.numbers, numbers, strict=True)), **self.consts}

    def bind(self, types):
        return self.show

    def show(self, base, *numbers):
        """The part of a base array that the view shows."""
        return self.fn(base, **self._arguments(numbers))

    def _infer(self, types):
        numbers = [_SMALLEST[t.dtype] for t in types[1:]]
        return True, (self.layout_of(types[0], 0, numbers)[0],)

    def write(self, base, new, numbers):
        """The base with the viewed cells replaced."""
        return self.writer(base, new, **self._arguments(numbers))


_SMALLEST = {d: kind() for kind, d in dtypes.OF_PYTHON.items()}


class Chain(ViewCall):
    """Several views one after the other, as one call: base -> the part that the last one shows."""

    __slots__ = ("counts", "steps")

    def __init__(self, steps, counts):
        Call.__init__(self, None, None, "chain", saves=())
        self.steps = steps
        self.counts = counts
        self.layouts = {}

    def grad_fn(self, types):
        return "AsStridedBackward0"

    def _split(self, numbers):
        at = 0
        for step, n in zip(self.steps, self.counts, strict=True):
            yield step, numbers[at : at + n]
            at += n

    def bind(self, types):
        def read(base, *numbers):
            for step, own in self._split(numbers):
                base = step.show(base, *own)
            return base

        return read

    @property
    def numpy_layout(self):
        return self.layout_of if all(step.numpy_layout for step in self.steps) else None

    def layout_of(self, type, offset, numbers):
        for step, own in self._split(numbers):
            type, offset = step.layout_of(type, offset, own)
        return type, offset

    def write(self, base, new, numbers):
        split = list(self._split(numbers))
        plain = next((i for i, (step, _) in enumerate(split) if step.writer is None), len(split))
        levels = [base]
        for step, own in split[:plain]:
            levels.append(step.show(levels[-1], *own))
        if plain < len(split):  # a cell may be shown more than once: positions tell which cells to write
            last = levels[-1]
            spots = jnp.arange(last.size).reshape(last.shape)
            for step, own in split[plain:]:
                spots = step.show(spots, *own)
            new = last.reshape(-1).at[spots.reshape(-1)].set(new.reshape(-1)).reshape(last.shape)
        for (step, own), parent in zip(split[:plain][::-1], levels[:plain][::-1], strict=True):
            new = step.write(parent, new, own)
        return new


class Write(Call):
    """Write through a chain of views: (base, new, numbers...) -> the base with the viewed cells replaced."""

    __slots__ = ("chain",)
    once = True

    def __init__(self, chain):
        super().__init__(None, None, "write", saves=())
        self.chain = chain

    @property
    def numpy_layout(self):
        """`layout_of` of what is written, where NumPy can show it, and shows no cell twice; else None."""
        return None if any(step.writer is None for step in self.chain.steps) else self.chain.numpy_layout

    def grad_fn(self, types):
        return "CopySlices"

    def bind(self, types):
        return lambda base, new, *numbers: self.chain.write(base, new, numbers)

    def _infer(self, types):
        return True, (types[0],)


_chains: dict = {}


def chain_of(steps, counts) -> Chain:
    key = (steps, counts)
    found = _chains.get(key)
    if found is None:
        found = _chains[key] = Chain(steps, counts)
    return found


_writes: dict = {}


def write_of(chain) -> Write:
    found = _writes.get(chain)
    if found is None:
        found = _writes[chain] = Write(chain)
    return found


# Why autograd cannot follow a write through a view, as the end of PyTorch's message.
_BOTH = (
    " Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the"
    " view and the inplace either both inside the {} block (if you don't want the inplace to be tracked) or both outside"
    " (if you want the inplace to be tracked)."
)
NO_GRAD = _BOTH.format("no_grad")
IN_INFERENCE = _BOTH.format("inference_mode")
SEVERAL = (
    " This view is the output of a function that returns multiple views. "
    "Such functions do not allow the output views to be modified inplace. You should replace the inplace operation by an out-of-place one."
)


class View:
    """One step from a storage to what a tensor shows: parent view (None for the base), call, numbers, type and offset.

    `at` is the version of the memory for which the tensor's edge was made: if the version is another one now, the memory was
    written to and the edge is out of date. `note` says why autograd cannot follow a write through this view: NO_GRAD,
    SEVERAL, ...
    """

    __slots__ = ("at", "call", "note", "numbers", "offset", "parent", "type", "value", "writes")

    def __init__(self, parent, call, numbers, type, offset):
        self.parent = parent
        self.call = call
        self.numbers = numbers
        self.type = type
        self.offset = offset
        self.writes = -1
        self.value = None
        self.at = self.note = None

    def read(self, storage) -> Value:
        """The value that the view shows now; read once for each write to the storage."""
        if self.writes == storage.writes and storage.__class__ is Storage:
            return self.value
        base = storage.value if self.parent is None else self.parent.read(storage)
        root = storage.value
        if base.mark is None:
            base.mark = []
        if root.array.__class__ is base.array.__class__ is np.ndarray and self.call.retype is None:
            value = Value(self.type, strided(root.array, root.type, self.type, self.offset))
            value.mark = at_offset(base.mark, self.offset, root) if base.mark else base.mark
        else:
            value = local.trace.record(self.call, (base, *self.numbers))[1]
            # A write to the base overwrites this value, too.
            value.mark = base.mark if storage.__class__ is Storage else at_offset(base.mark, None, root)
        self.value = value
        self.writes = storage.writes
        return value

    def again(self):
        """The same view, of another storage."""
        return View(self.parent and self.parent.again(), self.call, self.numbers, self.type, self.offset)

    def chain(self, until=None):
        """(Chain from the base to here, its numbers). `until` is the view of the base tensor itself."""
        steps, numbers, at = [], [], self
        while at is not None and at is not until:
            steps.append(at)
            at = at.parent
        if at is not until:
            raise NotImplementedError(
                "gradients through a view that was made before its base was reshaped in place (t_, unsqueeze_, resize_, ...)"
            )
        steps.reverse()
        for s in steps:
            numbers += s.numbers
        return chain_of(tuple([s.call for s in steps]), tuple([len(s.numbers) for s in steps])), numbers

    def refusal(self, source, base=False) -> str:
        """PyTorch's message for a write that autograd cannot follow.

        Args:
            source: (name of the node that made the view, output number), or None.
            base: the write was to the base, not through this view.
        """
        done = "its base or another view of its base has been" if base else "is being"
        if source is not None and self.note not in (NO_GRAD, IN_INFERENCE):
            text = f"Output {source[1]} of {source[0]} is a view and {done} modified inplace."
        else:
            text = (
                "A view was created in"
                if source is None
                else f"Output {source[1]} of {source[0]} is a view of a view which was created in"
            )
            text += (
                f" inference mode and {done} modified inplace in normal mode."
                if self.note is IN_INFERENCE
                else f" no_grad mode and {done} modified inplace with grad mode enabled."
            )
        return text + self.note

    def may_leave_parent(self):
        """Whether the view may show cells that its parent does not, as `as_strided` can. Then the gradient of a write goes through
        the base."""
        at = self
        while at is not None:
            if at.call.name == "as_strided":
                return True
            at = at.parent
        return False

    def refuses_write(self):
        """Whether PyTorch refuses a write, because elements share cells. Raises if its result would depend on the order of writing."""
        if may_overlap(self.type.shape, self.type.strides):
            return True
        at = self
        while at is not None:
            if at.call.writer is None and overlaps(self.type.shape, self.type.strides):
                raise NotImplementedError("writing through a view that shows elements more than once; clone() it first")
            at = at.parent
        return False


def strided(array, base, type, offset):
    """A NumPy view of a base array by element strides and offset."""
    size = type.dtype.np.itemsize  # `view(dtype)` and `view_as_real` show the same bytes as another dtype
    if 0 in type.shape:
        return np.empty(type.shape, type.dtype.np)
    if not base.contiguous or not array.flags.c_contiguous:
        if base.strides != tuple([s // array.itemsize for s in array.strides]):
            array = laid_out(array, base)
        span = 1 + sum((n - 1) * s for n, s in zip(base.shape, base.strides, strict=True))
        array = np.lib.stride_tricks.as_strided(array, (span,), (array.itemsize,), writeable=array.flags.writeable)
    return np.ndarray(tuple(type.shape), type.dtype.np, array, offset * size, [s * size for s in type.strides])


def laid_out(array, type):
    """A private copy of an array, laid out in memory by the type's strides."""
    copy = (
        np.empty_like(np.lib.stride_tricks.as_strided(array, array.shape, [s * array.itemsize for s in type.strides]))
        if not array.flags.c_contiguous or type.ndim > 1
        else np.empty(array.shape, array.dtype)
    )
    copy[...] = array
    return copy
