"""`torch.nn.utils.rnn`: batches of sequences of several lengths, packed or padded.

A packed sequence holds the elements of all sequences, ordered by time step, longest sequence first, and the number of
sequences that reach each time step.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable

import numpy as np

from jtorch.core.facts import dtypes
from jtorch.core.ops.layers.recurrent import pack_rows, packed_rows, pad_rows
from jtorch.core.tensor import Tensor, known, tensor

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]

_PackedFields = namedtuple(
    "PackedSequence", "data batch_sizes sorted_indices unsorted_indices", defaults=(None, None, None)
)


class PackedSequence(_PackedFields):
    """The result of `pack_padded_sequence`, and an input of recurrent layers.

    Args:
        data: the elements of all sequences: those of the first time step, then those of the second, and so on.
        batch_sizes: how many sequences reach each time step, int64 on the CPU.
        sorted_indices: the sequences in order of length, longest first; None if they came in this order.
        unsorted_indices: the inverse permutation.

    >>> torch.nn.utils.rnn.pack_sequence([torch.tensor([1, 2, 3]), torch.tensor([4])])
    PackedSequence(data=tensor([1, 4, 2, 3]), batch_sizes=tensor([2, 1, 1]), sorted_indices=None, unsorted_indices=None)
    """

    __slots__ = ()

    def __new__(cls, data, batch_sizes=None, sorted_indices=None, unsorted_indices=None):
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        if batch_sizes is not None:
            if not batch_sizes.is_cpu:
                raise ValueError(
                    "batch_sizes should always be on CPU. Instances of PackedSequence should never be created manually. "
                    "They should be instantiated by functions like pack_sequence and pack_padded_sequences in nn.utils.rnn. "
                    "https://pytorch.org/docs/stable/nn.html#torch.nn.utils.rnn.pack_sequence"
                )
        elif isinstance(data, list | tuple) and len(data) == 2:
            data, batch_sizes = data
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _with(self, data, move):
        orders = [None if order is None else move(order) for order in self[2:]]
        return type(self)(data, self.batch_sizes, *orders)

    def to(self, *args, **kwargs):
        """Data of another dtype, or on another device."""
        data = self.data.to(*args, **kwargs)
        return self if data is self.data else self._with(data, lambda order: order.to(data.device))

    def cpu(self, *args, **kwargs):
        return self.to("cpu")

    def cuda(self, *args, **kwargs):
        return self.to("cuda")

    def pin_memory(self):
        return self._with(self.data.pin_memory(), Tensor.pin_memory)

    def double(self):
        return self.to(dtypes.float64)

    def float(self):
        return self.to(dtypes.float32)

    def half(self):
        return self.to(dtypes.float16)

    def long(self):
        return self.to(dtypes.int64)

    def int(self):
        return self.to(dtypes.int32)

    def short(self):
        return self.to(dtypes.int16)

    def char(self):
        return self.to(dtypes.int8)

    def byte(self):
        return self.to(dtypes.uint8)

    @property
    def is_cuda(self):
        return self.data.is_cuda

    def is_pinned(self):
        return self.data.is_pinned()


def invert_permutation(permutation):
    """The inverse of a permutation."""
    if permutation is None:
        return None
    order = np.asarray(permutation._to_numpy())
    back = np.empty_like(order)
    back[order] = np.arange(order.size)
    return known(back)


def _lengths_array(lengths):
    return np.array(lengths._to_numpy() if isinstance(lengths, Tensor) else lengths, np.int64)


def pack_padded_sequence(input, lengths, batch_first=False, enforce_sorted=True):
    """Pack a padded batch of sequences.

    Args:
        input: (time, batch, *), or with batch_first (batch, time, *).
        lengths: of each sequence, a list or a tensor on the CPU.
        enforce_sorted: the sequences come longest first; else they are sorted here.

    >>> packed = torch.nn.utils.rnn.pack_padded_sequence(torch.tensor([[1., 4.], [2., 5.], [3., 0.]]), [3, 2])
    >>> packed.data, packed.batch_sizes
    (tensor([1., 4., 2., 5., 3.]), tensor([2, 2, 1]))
    """
    if isinstance(lengths, Tensor) and not lengths.is_cpu:
        raise RuntimeError(
            "'lengths' argument should be a 1D CPU int64 tensor, but got"
            f" {lengths.dim()}D {lengths.device} {lengths.dtype.scalar_name} tensor"
        )
    counts = _lengths_array(lengths)
    order = None
    if not enforce_sorted:
        order = np.argsort(-counts, kind="stable")
        counts = counts[order]
        input = input.index_select(0 if batch_first else 1, known(order))
    if not input.numel():
        raise RuntimeError("Cannot pack empty tensors.")
    time_first = input.transpose(0, 1) if batch_first else input
    batch = time_first.shape[1]
    if counts.size != batch:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {counts.size} (batch_size={batch})"
        )
    if (counts <= 0).any():
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' that is <= 0"
        )
    if (counts[1:] > counts[:-1]).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You can pass"
            " `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to sidestep this requirement if you do"
            " not need ONNX exportability."
        )
    if counts[0] > time_first.shape[0]:
        raise RuntimeError(f"start (0) + length ({int(counts[0])}) exceeds dimension size ({time_first.shape[0]}).")
    sizes = (counts[None, :] > np.arange(counts[0])[:, None]).sum(1)
    data = pack_rows(time_first, known(packed_rows(sizes)))
    return PackedSequence(data, known(sizes), None if order is None else known(order))


def pad_packed_sequence(sequence, batch_first=False, padding_value=0.0, total_length=None):
    """(the padded batch, the lengths): the inverse of `pack_padded_sequence`.

    Args:
        padding_value: the value after the end of a sequence.
        total_length: pad to this length.
    """
    sizes = np.asarray(sequence.batch_sizes._to_numpy())
    steps = sizes.size
    if total_length is not None:
        if total_length < steps:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in input, but got"
                f" total_length={total_length} and max sequence length being {steps}"
            )
        steps = total_length
    batch = int(sizes[0])
    value = tensor(padding_value, dtype=sequence.data.dtype)
    padded = pad_rows(sequence.data, known(packed_rows(sizes)), value, steps, batch)
    padded = padded.transpose(0, 1) if batch_first else padded
    counts = known((sizes[:, None] > np.arange(batch)).sum(0))
    if sequence.unsorted_indices is None:
        return padded, counts
    order = sequence.unsorted_indices
    return padded.index_select(0 if batch_first else 1, order), counts[order]


def pad_sequence(sequences, batch_first=False, padding_value=0.0, padding_side="right"):
    """Sequences of several lengths as one padded tensor.

    Args:
        sequences: tensors (length, *).
        padding_side: "right" or "left".

    Shape:
        (longest, batch, *), or with batch_first (batch, longest, *)

    >>> torch.nn.utils.rnn.pad_sequence([torch.ones(2), torch.ones(1)], batch_first=True)
    tensor([[1., 1.],
            [1., 0.]])
    """
    if isinstance(sequences, Tensor):
        sequences = sequences.unbind(0)
    elif not isinstance(sequences, Iterable):
        raise RuntimeError(
            f"pad_sequence: Expected iterable for input sequences, but got arg of type: {type(sequences)}"
        )
    sequences = tuple(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError(f"Expected padding_side to be one of left or right, but got {padding_side}.")
    longest = max(s.size(0) for s in sequences)
    trailing = tuple(sequences[0].shape[1:])
    shape = (len(sequences), longest, *trailing) if batch_first else (longest, len(sequences), *trailing)
    made = sequences[0].new_full(shape, padding_value)
    for i, s in enumerate(sequences):
        start = longest - s.size(0) if padding_side == "left" else 0
        window = slice(start, start + s.size(0))
        made[(i, window) if batch_first else (window, i)].copy_(s)
    return made


def unpad_sequence(padded_sequences, lengths, batch_first=False):
    """The sequences of a padded batch, a list."""
    rows = padded_sequences if batch_first else padded_sequences.transpose(0, 1)
    return [row[: int(n)] for row, n in zip(rows, _lengths_array(lengths), strict=True)]


def pack_sequence(sequences, enforce_sorted=True):
    """Pack tensors (length, *), longest first unless enforce_sorted is False."""
    lengths = tensor([s.size(0) for s in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences):
    """The sequences of a packed one, a list."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
