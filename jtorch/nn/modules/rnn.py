"""Recurrent layers: RNN, LSTM, GRU and their cells.

This file has the parameters (their names and order), the states and the packing. The ops are in
`jtorch.core.ops.layers.recurrent`.
"""

from __future__ import annotations

import math
import numbers
import warnings

from jtorch.amp.autocast_mode import casts_now
from jtorch.core.ops.layers import recurrent
from jtorch.core.ops.make.create import empty, zeros
from jtorch.nn import init
from jtorch.nn.modules.module import Module
from jtorch.nn.parameter import Parameter
from jtorch.nn.utils.rnn import PackedSequence

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNBase", "RNNCell", "RNNCellBase"]

_NO_PROJECTION = "proj_size argument is only supported for LSTM, not RNN or GRU"
_GATES_OF_MODE = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}

# What the docstrings of RNN, GRU and LSTM share.
_SIZES = """
    Args:
        input_size: size of each element of the sequence.
        hidden_size: size of the state.
        num_layers: number of layers; each reads the outputs of the one below."""
_SETTINGS = """\
        bias: whether there are b and d.
        batch_first: sequences are (batch, time, features), not (time, batch, features). The states stay as they are.
        dropout: the fraction of outputs that is dropped after each layer except the last, in training.
        bidirectional: also read the sequence backwards and concatenate the outputs.
        device, dtype: of the parameters; None: the defaults."""
_WEIGHTS = """
    Attributes:
        weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, ...: W, U, b and d of each layer, for the backward direction
            with `_reverse` at the end; uniform in ±1/sqrt(hidden_size) at first.

    Raises:
        RuntimeError: an input or a state of a wrong shape.
        ValueError: an input whose dtype is not the weights'.
"""


class RNNBase(Module):
    """The base of RNN, LSTM and GRU. Use those.

    Args:
        mode: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU".
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as for `RNN`.
        proj_size: as for `LSTM`.
        device, dtype: of the parameters; None: the defaults.

    Raises:
        TypeError, ValueError: a setting of a wrong type or out of range.

    >>> isinstance(torch.nn.LSTM(3, 4), torch.nn.RNNBase)
    True
    """

    __constants__ = ["mode", "input_size", "hidden_size", "num_layers", "bias", "batch_first", "dropout",
                     "bidirectional", "proj_size"]  # fmt: skip

    def __init__(
        self,
        mode,
        input_size,
        hidden_size,
        num_layers=1,
        bias=True,
        batch_first=False,
        dropout=0.0,
        bidirectional=False,
        proj_size=0,
        device=None,
        dtype=None,
    ):
        super().__init__()
        _check_settings(input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size)
        if mode not in _GATES_OF_MODE:
            raise ValueError("Unrecognized RNN mode: " + mode)
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._all_weights = []
        rows = _GATES_OF_MODE[mode] * hidden_size
        states = proj_size or hidden_size
        directions = 2 if bidirectional else 1
        for layer in range(num_layers):
            for suffix in ("", "_reverse")[:directions]:
                inputs = input_size if layer == 0 else states * directions
                shapes = {"weight_ih": (rows, inputs), "weight_hh": (rows, states)}
                if bias:
                    shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                names = [f"{name}_l{layer}{suffix}" for name in shapes]
                for name, shape in zip(names, shapes.values(), strict=True):
                    setattr(self, name, Parameter(empty(shape, device=device, dtype=dtype)))
                self._all_weights.append(names)
        self.reset_parameters()

    @property
    def _flat_weights_names(self):
        return [name for names in self._all_weights for name in names]

    @property
    def _flat_weights(self):
        return [getattr(self, name) for name in self._flat_weights_names]

    @property
    def all_weights(self):
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self):
        """Do nothing: XLA chooses the memory layout."""

    def reset_parameters(self):
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def __setstate__(self, state):
        super().__setstate__(state)
        for name in ("_flat_weights_names", "_flat_weights", "_flat_weight_refs", "all_weights"):
            self.__dict__.pop(name, None)  # PyTorch pickles these attributes; here they are computed
        self.__dict__.setdefault("proj_size", 0)

    # ---- checks

    def check_input(self, input, batch_sizes):
        dims = 2 if batch_sizes is not None else 3
        if input.dim() != dims:
            raise RuntimeError(f"input must have {dims} dimensions, got {input.dim()}")
        if self.input_size != input.size(-1):
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.size(-1)}"
            )
        kept = self._flat_weights[0].dtype
        if input.dtype is not kept and not casts_now():  # autocast may cast them
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({kept}). "
                f"Convert input: input.to({kept}), or convert model: model.to({input.dtype})"
            )

    def get_expected_hidden_size(self, input, batch_sizes):
        return self._state_size(input, batch_sizes, self.proj_size or self.hidden_size)

    def _state_size(self, input, batch_sizes, width):
        batch = input.size(0 if self.batch_first else 1) if batch_sizes is None else int(batch_sizes[0])
        return self.num_layers * (2 if self.bidirectional else 1), batch, width

    def check_hidden_size(self, hx, expected_hidden_size, msg="Expected hidden size {}, got {}"):
        if tuple(hx.size()) != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(expected_hidden_size, list(hx.size())))

    def check_forward_args(self, input, hidden, batch_sizes):
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx, permutation):
        return hx if permutation is None else hx.index_select(1, permutation)

    # ---- computing

    def _zero_state(self, input, batch_sizes, width):
        return zeros(self._state_size(input, batch_sizes, width), dtype=input.dtype, device=input.device)

    def _run_layers(self, input, states, packing):
        """(outputs of the last layer, final states of every layer and direction)."""
        own = self._parameters
        weights = [[own[n] if n in own else getattr(self, n) for n in names] for names in self._all_weights]
        dropped, directions = self.dropout if self.training else 0, 2 if self.bidirectional else 1
        return recurrent.layers_of(self.mode, input, states, weights, self.bias, dropped, directions, packing)

    def _run(self, input, hx, widths, name):
        """(outputs, list of final states) for a packed, batched or unbatched input. `hx`: None or a list."""
        if isinstance(input, PackedSequence):
            return self._run_packed(input, hx, widths)
        batched = input.dim() == 3
        if not batched:
            input = input.unsqueeze(0 if self.batch_first else 1)
            hx = hx and [h.unsqueeze(1) for h in hx]
        states = hx or [self._zero_state(input, None, width) for width in widths]
        self._check_states(input, states, None)
        time_first = input.transpose(0, 1) if self.batch_first else input
        if not time_first.shape[0]:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        out, states = self._run_layers(time_first, states, None)
        if self.batch_first:
            out = out.transpose(0, 1) if self.mode == "LSTM" else _swap_in_place(out)
        if not batched:
            return out.squeeze(0 if self.batch_first else 1), [s.squeeze(1) for s in states]
        return out, states

    def _run_packed(self, input, hx, widths):
        data, batch_sizes, sorted_indices, unsorted_indices = input
        states = (
            [self._zero_state(data, batch_sizes, width) for width in widths]
            if hx is None
            else [self._reorder_batch(h, sorted_indices) for h in hx]
        )
        self._check_states(data, states, batch_sizes)
        packing = recurrent.Packing(batch_sizes)
        out, states = self._run_layers(packing.unpack(data), states, packing)
        states = [self._reorder_batch(s, unsorted_indices) for s in states]
        return PackedSequence(packing.pack(out), batch_sizes, sorted_indices, unsorted_indices), states

    def _reorder_batch(self, state, order):
        return state if order is None else state.index_select(1, order)

    def _check_states(self, input, states, batch_sizes):
        self.check_forward_args(input, states[0], batch_sizes)

    def extra_repr(self):
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size:
            text += f", proj_size={self.proj_size}"
        shown = (("num_layers", 1), ("bias", True), ("batch_first", False), ("dropout", 0), ("bidirectional", False))
        return text + "".join(f", {n}={getattr(self, n)}" for n, usual in shown if getattr(self, n) != usual)


def _swap_in_place(out):
    """Put the batch first, in place as PyTorch does for RNN and GRU."""
    return out.transpose_(0, 1)


def _check_settings(input_size, hidden_size, num_layers, bias, batch_first, dropout, proj_size):
    number = isinstance(dropout, numbers.Number) and not isinstance(dropout, bool)
    if not number or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers greater"
            f" than 1, but got dropout={dropout} and num_layers={num_layers}",
            stacklevel=4,
        )
    kinds = (("bias", bias, bool), ("batch_first", batch_first, bool), ("input_size", input_size, int))
    for name, value, kind in (*kinds, ("hidden_size", hidden_size, int)):
        if not isinstance(value, kind):
            raise TypeError(f"{name} should be of type {kind.__name__}, got: {type(value).__name__}")
        if kind is int and value <= 0:
            raise ValueError(f"{name} must be greater than zero")
    if num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")


def _check_one_state(input, hx):
    if isinstance(input, PackedSequence) or hx is None:
        return
    kind, dims = ("batched 3-D", 3) if input.dim() == 3 else ("unbatched 2-D", 2)
    if hx.dim() != dims:
        raise RuntimeError(f"For {kind} input, hx should also be {dims}-D but got {hx.dim()}-D tensor")


class RNN(RNNBase):
    __doc__ = f"""h' = tanh(W x + b + U h + d) along a sequence, several layers and directions deep.
{_SIZES}
        nonlinearity: "tanh" or "relu".
{_SETTINGS}

    Shape:
        (T, N, input_size), (layers * directions, N, hidden_size) → (T, N, directions * hidden_size), the last states;
        also without the N, and with a PackedSequence for the sequence. Without a state it starts from zeros.
{_WEIGHTS}
    >>> out, h = torch.nn.RNN(3, 4)(torch.zeros(5, 2, 3))
    >>> out.shape, h.shape
    (torch.Size([5, 2, 4]), torch.Size([1, 2, 4]))
    """

    def __init__(self, *args, nonlinearity="tanh", **kwargs):
        if "proj_size" in kwargs:
            raise ValueError(_NO_PROJECTION)
        if len(args) > 3:
            nonlinearity, args = args[3], (*args[:3], *args[4:])
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        super().__init__(f"RNN_{nonlinearity.upper()}", *args, **kwargs)
        self.nonlinearity = nonlinearity

    def forward(self, input, hx=None):
        if not isinstance(input, PackedSequence) and input.dim() not in (2, 3):
            raise ValueError(f"RNN: Expected input to be 2D or 3D, got {input.dim()}D tensor instead")
        _check_one_state(input, hx)
        out, states = self._run(input, None if hx is None else [hx], [self.hidden_size], "RNN")
        return out, states[0]


class GRU(RNNBase):
    __doc__ = f"""A gated recurrent unit along a sequence: h' = (1 - z) n + z h.

    As in PyTorch, the reset gate multiplies U h + d. Many texts define the GRU with a gate that multiplies h.
{_SIZES}
{_SETTINGS}

    Shape:
        (T, N, input_size), (layers * directions, N, hidden_size) → (T, N, directions * hidden_size), the last states;
        also without the N, and with a PackedSequence for the sequence. Without a state it starts from zeros.
{_WEIGHTS}
    >>> out, h = torch.nn.GRU(3, 4)(torch.zeros(5, 2, 3))
    >>> out.shape, h.shape
    (torch.Size([5, 2, 4]), torch.Size([1, 2, 4]))
    """

    def __init__(self, *args, **kwargs):
        if "proj_size" in kwargs:
            raise ValueError(_NO_PROJECTION)
        super().__init__("GRU", *args, **kwargs)

    def forward(self, input, hx=None):
        if not isinstance(input, PackedSequence) and input.dim() not in (2, 3):
            raise ValueError(f"GRU: Expected input to be 2D or 3D, got {input.dim()}D instead")
        _check_one_state(input, hx)
        out, states = self._run(input, None if hx is None else [hx], [self.hidden_size], "GRU")
        return out, states[0]


class LSTM(RNNBase):
    __doc__ = f"""A long short-term memory along a sequence: c' = f c + i g, h' = o tanh(c').
{_SIZES}
{_SETTINGS}
        proj_size: the outputs and the state h are projected to this size; 0: they are not.

    Shape:
        (T, N, input_size), (h, c) → (T, N, directions * hidden_size), (h, c), with h and c
        (layers * directions, N, hidden_size); also without the N, and with a PackedSequence for the sequence. Without
        states it starts from zeros.
{_WEIGHTS}
    >>> out, (h, c) = torch.nn.LSTM(3, 4)(torch.zeros(5, 2, 3))
    >>> out.shape, h.shape
    (torch.Size([5, 2, 4]), torch.Size([1, 2, 4]))
    """

    def __init__(self, *args, **kwargs):
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(self, input, batch_sizes):
        return self._state_size(input, batch_sizes, self.hidden_size)

    def _check_states(self, input, states, batch_sizes):
        self.check_forward_args(input, states, batch_sizes)

    def check_forward_args(self, input, hidden, batch_sizes):
        self.check_input(input, batch_sizes)
        self.check_hidden_size(
            hidden[0], self.get_expected_hidden_size(input, batch_sizes), "Expected hidden[0] size {}, got {}"
        )
        self.check_hidden_size(
            hidden[1], self.get_expected_cell_size(input, batch_sizes), "Expected hidden[1] size {}, got {}"
        )

    def permute_hidden(self, hx, permutation):
        return hx if permutation is None else tuple([h.index_select(1, permutation) for h in hx])

    def forward(self, input, hx=None):
        if not isinstance(input, PackedSequence):
            if input.dim() not in (2, 3):
                raise ValueError(f"LSTM: Expected input to be 2D or 3D, got {input.dim()}D instead")
            kind, dims = ("batched 3-D", 3) if input.dim() == 3 else ("unbatched 2-D", 2)
            if hx is not None and (hx[0].dim() != dims or hx[1].dim() != dims):
                raise RuntimeError(
                    f"For {kind} input, hx and cx should also be {dims}-D but got ({hx[0].dim()}-D, {hx[1].dim()}-D) tensors"
                )
        widths = [self.proj_size or self.hidden_size, self.hidden_size]
        out, states = self._run(input, None if hx is None else list(hx), widths, "LSTM")
        return out, tuple(states)


# ---- single steps


class RNNCellBase(Module):
    """The base of RNNCell, LSTMCell and GRUCell. Use those.

    Args:
        input_size, hidden_size, bias: as for `RNNCell`.
        num_chunks: the number of gates.
        device, dtype: of the parameters; None: the defaults.

    >>> isinstance(torch.nn.LSTMCell(3, 4), torch.nn.RNNCellBase)
    True
    """

    __constants__ = ["input_size", "hidden_size", "bias"]

    def __init__(self, input_size, hidden_size, bias, num_chunks, device=None, dtype=None):
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(empty((rows, input_size), device=device, dtype=dtype))
        self.weight_hh = Parameter(empty((rows, hidden_size), device=device, dtype=dtype))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(empty(rows, device=device, dtype=dtype)) if bias else None)
        self.reset_parameters()

    def extra_repr(self):
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        nonlinearity = self.__dict__.get("nonlinearity", "tanh")
        return text if nonlinearity == "tanh" else f"{text}, nonlinearity={nonlinearity}"

    def reset_parameters(self):
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _step(self, cell, input, states):
        """One step. An input without a batch gets one, which is removed from the result."""
        name = type(self).__name__
        if input.dim() not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        for i, h in enumerate(states or ()):
            if h.dim() not in (1, 2):
                shown = f"hx[{i}]" if name == "LSTMCell" else "hidden"
                raise ValueError(f"{name}: Expected {shown} to be 1D or 2D, got {h.dim()}D instead")
        batched = input.dim() == 2
        if not batched:
            input = input.unsqueeze(0)
        if states is None:
            h = zeros((input.size(0), self.hidden_size), dtype=input.dtype, device=input.device)
            states = [h, h]
        elif not batched:
            states = [h.unsqueeze(0) for h in states]
        hx = tuple(states) if name == "LSTMCell" else states[0]
        made = cell(input, hx, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)
        if batched:
            return made
        return tuple([h.squeeze(0) for h in made]) if isinstance(made, tuple) else made.squeeze(0)


class RNNCell(RNNCellBase):
    """tanh(W x + b + U h + d), or relu of it: one step of an `RNN`.

    Args:
        input_size: size of x.
        hidden_size: size of the state h.
        bias: whether there are b and d.
        nonlinearity: "tanh" or "relu".
        device, dtype: of the parameters; None: the defaults.

    Shape:
        (N, input_size), (N, hidden_size) → (N, hidden_size); also without the N. Without a state it starts from zeros.

    >>> torch.nn.RNNCell(3, 4)(torch.zeros(2, 3)).shape
    torch.Size([2, 4])
    """

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]

    def __init__(self, input_size, hidden_size, bias=True, nonlinearity="tanh", device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input, hx=None):
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        cell = recurrent.rnn_tanh_cell if self.nonlinearity == "tanh" else recurrent.rnn_relu_cell
        return self._step(cell, input, None if hx is None else [hx])


class LSTMCell(RNNCellBase):
    """(h, c) one step later: one step of an `LSTM`.

    Args:
        input_size: size of x.
        hidden_size: size of the states h and c.
        bias: whether each gate has one.
        device, dtype: of the parameters; None: the defaults.

    Shape:
        (N, input_size), ((N, hidden_size), (N, hidden_size)) → the two states; also without the N. Without states it
        starts from zeros.

    >>> h, c = torch.nn.LSTMCell(3, 4)(torch.zeros(2, 3))
    >>> h.shape, c.shape
    (torch.Size([2, 4]), torch.Size([2, 4]))
    """

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input, hx=None):
        return self._step(recurrent.lstm_cell, input, None if hx is None else list(hx))


class GRUCell(RNNCellBase):
    """h one step later: one step of a `GRU`.

    Args:
        input_size: size of x.
        hidden_size: size of the state h.
        bias: whether each gate has one.
        device, dtype: of the parameters; None: the defaults.

    Shape:
        (N, input_size), (N, hidden_size) → (N, hidden_size); also without the N. Without a state it starts from zeros.

    >>> torch.nn.GRUCell(3, 4)(torch.zeros(2, 3)).shape
    torch.Size([2, 4])
    """

    def __init__(self, input_size, hidden_size, bias=True, device=None, dtype=None):
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input, hx=None):
        return self._step(recurrent.gru_cell, input, None if hx is None else [hx])
