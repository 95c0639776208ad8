"""Recurrent layers on sequences: one line of the trace for each layer and direction, a `lax.scan` inside.

The products with the inputs of all times are one matrix product before the scan, so a step of the scan is the product
with the hidden state and the gates. Packed sequences are unpacked to (time, batch). A state does not change at times
that its sequence does not have: after its end, or before its start when running backwards.
"""

from __future__ import annotations

import inspect
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jtorch.core.op import Array, function, op, public
from jtorch.core.ops.arithmetic.dropout import dropout
from jtorch.core.ops.gather.joining import cat, stack
from jtorch.core.tensor import Tensor, known, wrap_dim

# ---- the nodes that PyTorch has for a layer or a cell

_GATES = "input, h, w_ih, w_hh, b_ih, b_hh"
_BY_INPUT, _BY_STATE = "Addmm(b_ih, input, T(w_ih))", "Addmm(b_hh, h, T(w_hh))"
_PLAIN_INPUT, _PLAIN_STATE = "Mm(input, T(w_ih))", "Mm(h, T(w_hh))"
_POISSON, _RATES = "Sub(Exp(input), Mul(target, input))", "Sub(input, Mul(target, Log(AddBackward1(input))))"


def _cell_state_graph(gate):
    """The gradient graph of c in an LSTM."""
    return f"Add(Mul(Sigmoid({gate}), c), Mul(Sigmoid({gate}), Tanh({gate})))"


def _hidden_state_graph(by_input, by_state):
    """The gradient graph of h in a GRU."""
    z, n = f"Sigmoid(Add({by_input}, {by_state}))", f"Tanh(Add({by_input}, Mul({by_state}, Sigmoid({by_input}))))"
    return f"Add(Mul(Sub(h, {n}), {z}), {n})"


_CELLS = {
    "2" * n + "1" * biases: (by_input, by_state)
    for n in (3, 4, 5)
    for biases, by_input, by_state in ((2, _BY_INPUT, _BY_STATE), (0, _PLAIN_INPUT, _PLAIN_STATE))
}
_LSTM_LAYER_GRAPH = {
    "MkldnnRnnLayerBackward0": "MkldnnRnnLayer(input, w_ih, w_hh, b_ih, b_hh, h, c)",
    "StackBackward0": f"Stack(Mm(Mul(Sigmoid({_GATES}), Tanh({_cell_state_graph(_GATES)})), T(w_hr))*)",
    "StackBackward0#1": f"Mm(Mul(Sigmoid({_GATES}), Tanh({_cell_state_graph(_GATES)})), T(w_hr))",
    "StackBackward0#2": _cell_state_graph(_GATES),
}
_GRU_LAYER_GRAPH = {
    "StackBackward0": f"Stack({_hidden_state_graph(_GATES, _GATES)}*)",
    "StackBackward0#1": _hidden_state_graph(_GATES, _GATES),
}
_RNN_LAYER_GRAPH = {
    f"StackBackward0{output}[act={act}]": text
    for act in ("tanh", "relu")
    for inner in [f"{act.capitalize()}(Add({_BY_STATE}, Unbind({_BY_INPUT})))"]
    for output, text in (("", f"Stack({inner}*)"), ("#1", inner))
}
_LSTM_MEMORY_GRAPH = {
    f"AddBackward0{output}:{dims}": text
    for dims, (a, b) in _CELLS.items()
    for output, text in (
        ("", _cell_state_graph(f"UnsafeSplit(Add({a}, {b}))")),
        ("#1", f"Sigmoid(UnsafeSplit(Add({a}, {b})))"),
    )
}
_GRU_CELL_GRAPH = {
    f"AddBackward0:{dims}": _hidden_state_graph(f"UnsafeSplit({a})", f"UnsafeSplit({b})")
    for dims, (a, b) in _CELLS.items()
}
_RNN_CELL_GRAPH = {
    f"{name}Backward0:{dims}": f"{name}(Add({b}, {a}))" for name in ("Tanh", "Relu") for dims, (a, b) in _CELLS.items()
}


# ---- layers and cells


def _projected_input(input, weight, *biases):
    made = lax.dot_general(input, weight, (((input.ndim - 1,), (1,)), ((), ())))
    for bias in biases:
        made = made if bias is None else made + bias
    return made


def _scanned(step, states, gates, sizes, reverse):
    """Run `step(states, gates of one time) -> states` over time; (hidden states of all times, the last states)."""

    def held(states, now):
        moved = step(states, now[0])
        if sizes is not None:
            running = jnp.arange(states[0].shape[0])[:, None] < now[1]
            moved = tuple([jnp.where(running, new, old) for new, old in zip(moved, states, strict=True)])
        return moved, moved[0]

    last, out = lax.scan(
        held, states, (gates, sizes if sizes is not None else jnp.zeros(gates.shape[0])), reverse=reverse
    )
    return out, last


def _node_name(types, consts):
    return consts["node"]


@op(grad_fn=_node_name, autocast="low", graph=_LSTM_LAYER_GRAPH, behind="nn.LSTM", name="_lstm_layer")
def lstm_layer(
    input: Array,
    h: Array,
    c: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | None,
    b_hh: Array | None,
    w_hr: Array | None,
    sizes: Array | None,
    reverse: bool,
    node: str,
) -> Array:
    """(outputs, last h, last c)"""

    def step(states, gates):
        h, c = states
        h, c = _lstm_step(gates + h @ w_hh.T, c)
        return (h if w_hr is None else h @ w_hr.T), c

    out, (h, c) = _scanned(step, (h, c), _projected_input(input, w_ih, b_ih, b_hh), sizes, reverse)
    return out, h, c


def _lstm_step(gates, c):
    i, f, g, o = jnp.split(gates, 4, axis=-1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(c), c


@op(
    grad_fn=_node_name,
    autocast={"cpu": "widest", "cuda": "low"},
    graph=_GRU_LAYER_GRAPH,
    behind="nn.GRU",
    name="_gru_layer",
)
def gru_layer(
    input: Array,
    h: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | None,
    b_hh: Array | None,
    sizes: Array | None,
    reverse: bool,
    node: str,
) -> Array:
    """(outputs, last h)"""

    def step(states, gates):
        (h,) = states
        return (_gru_step(gates, _projected_input(h, w_hh, b_hh), h),)

    out, (h,) = _scanned(step, (h,), _projected_input(input, w_ih, b_ih), sizes, reverse)
    return out, h


def _gru_step(of_input, of_hidden, h):
    r_i, z_i, n_i = jnp.split(of_input, 3, axis=-1)
    r_h, z_h, n_h = jnp.split(of_hidden, 3, axis=-1)
    n = jnp.tanh(n_i + jax.nn.sigmoid(r_i + r_h) * n_h)
    return (h - n) * jax.nn.sigmoid(z_i + z_h) + n


_NONLINEAR = {"tanh": jnp.tanh, "relu": jax.nn.relu}


@op(grad_fn=_node_name, autocast="low", graph=_RNN_LAYER_GRAPH, behind="nn.RNN", name="_rnn_layer")
def rnn_layer(
    input: Array,
    h: Array,
    w_ih: Array,
    w_hh: Array,
    b_ih: Array | None,
    b_hh: Array | None,
    sizes: Array | None,
    act: str,
    reverse: bool,
    node: str,
) -> Array:
    """(outputs, last h)"""
    moved = _NONLINEAR[act]
    gates = _projected_input(input, w_ih, b_ih, b_hh)
    out, (h,) = _scanned(lambda states, now: (moved(now + states[0] @ w_hh.T),), (h,), gates, sizes, reverse)
    return out, h


# ---- packed sequences


def packed_rows(batch_sizes: np.ndarray) -> np.ndarray:
    """The index of each row of packed data in (time, batch), flattened."""
    batch = int(batch_sizes[0])
    return np.concatenate([t * batch + np.arange(n) for t, n in enumerate(batch_sizes.tolist())])


@op(grad_fn="IndexBackward0")
def _unpack_rows(data: Array, rows: Array, steps: int, batch: int) -> Array:
    padded = jnp.zeros((steps * batch, *data.shape[1:]), data.dtype)
    return padded.at[rows].set(data).reshape(steps, batch, *data.shape[1:])


@op(grad_fn="CatBackward0")
def _repack_rows(padded: Array, rows: Array) -> Array:
    return padded.reshape(-1, *padded.shape[2:])[rows]


@op(grad_fn="PackPaddedSequenceBackward0", behind="nn.utils.rnn.pack_padded_sequence", name="_packed")
def pack_rows(input: Array, rows: Array) -> Array:
    """The rows of (time, batch, *) that packed sequences hold."""
    return input.reshape(-1, *input.shape[2:])[rows]


@op(grad_fn="CopySlices", behind="nn.utils.rnn.pad_packed_sequence", name="_padded")
def pad_rows(data: Array, rows: Array, value: Array, steps: int, batch: int) -> Array:
    padded = jnp.broadcast_to(value.astype(data.dtype), (steps * batch, *data.shape[1:]))
    return padded.at[rows].set(data).reshape(steps, batch, *data.shape[1:])


class Packing:
    """Sequences of several lengths: how to lay them out over (time, batch) and back."""

    def __init__(self, batch_sizes):
        counts = np.asarray(batch_sizes._to_numpy())
        self.steps, self.batch = counts.size, int(counts[0])
        self.rows = known(packed_rows(counts))
        self.sizes = known(counts.astype(np.int32))

    def unpack(self, data):
        """Packed data as (time, batch, *), with zeros where a sequence has ended."""
        return _unpack_rows(data, self.rows, self.steps, self.batch)

    def pack(self, padded):
        """(time, batch, *) as packed data."""
        return _repack_rows(padded, self.rows)


# ---- single steps


def _check_cell(input, hidden, w_ih, w_hh, gates):
    states = w_hh.shape[1]
    wrap_dim(1, input.dim())
    if input.dim() == 2 and input.shape[1] != w_ih.shape[1]:
        raise RuntimeError(f"input has inconsistent input_size: got {input.shape[1]} expected {w_ih.shape[1]}")
    for i, h in enumerate(hidden):
        if input.shape[0] != h.shape[0]:
            raise RuntimeError(f"Input batch size {input.shape[0]} doesn't match hidden{i} batch size {h.shape[0]}")
        if h.shape[1] != states:
            raise RuntimeError(f"hidden{i} has inconsistent hidden_size: got {h.shape[1]}, expected {states}")


@op(grad_fn="AddBackward0", autocast={"cpu": "widest", "cuda": "low"}, graph=_LSTM_MEMORY_GRAPH)
def _lstm_memory(
    input: Array, h: Array, c: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None
) -> Array:
    """(the new c, the output gate)"""
    i, f, g, o = jnp.split(_projected_input(input, w_ih, b_ih) + _projected_input(h, w_hh, b_hh), 4, axis=-1)
    return jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g), jax.nn.sigmoid(o)


@public(method=False)
def lstm_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None) -> tuple[Tensor, Tensor]:
    """(h, c) of an LSTM one step later: what `nn.LSTMCell` computes.

    Args:
        hx: the two states (h, c) before it, each (N, hidden).
        w_ih, w_hh: (4 * hidden, input) and (4 * hidden, hidden), with the biases b_ih and b_hh of 4 * hidden elements.

    Raises:
        RuntimeError: there are not two states, or sizes do not fit.

    >>> x, h = torch.ones(2, 3), torch.zeros(2, 4)
    >>> torch.lstm_cell(x, (h, h), torch.ones(16, 3), torch.ones(16, 4))[1].shape
    torch.Size([2, 4])
    """
    if isinstance(hx, Tensor):
        raise TypeError("lstm_cell(): argument 'hx' (position 2) must be tuple of Tensors, not Tensor")
    if len(hx) != 2:
        raise RuntimeError("lstm_cell expects two hidden states")
    _check_cell(input, hx, w_ih, w_hh, 4)
    c, gate = _lstm_memory(input, *hx, w_ih, w_hh, b_ih, b_hh)
    return gate * c.tanh(), c


@op(grad_fn="AddBackward0", autocast={"cpu": "widest", "cuda": "low"}, graph=_GRU_CELL_GRAPH)
def _gru_cell(input: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None) -> Array:
    return _gru_step(_projected_input(input, w_ih, b_ih), _projected_input(h, w_hh, b_hh), h)


@public(method=False)
def gru_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """h of a GRU one step later: what `nn.GRUCell` computes. w_ih and w_hh have 3 * hidden rows.

    >>> torch.gru_cell(torch.ones(2, 3), torch.zeros(2, 4), torch.ones(12, 3), torch.ones(12, 4)).shape
    torch.Size([2, 4])
    """
    _check_cell(input, (hx,), w_ih, w_hh, 3)
    return _gru_cell(input, hx, w_ih, w_hh, b_ih, b_hh)


@op(
    grad_fn=lambda types, consts: {"tanh": "TanhBackward0", "relu": "ReluBackward0"}[consts["nonlinearity"]],
    autocast={"cpu": "widest", "cuda": "low"},
    graph=_RNN_CELL_GRAPH,
)
def _rnn_cell(
    input: Array, h: Array, w_ih: Array, w_hh: Array, b_ih: Array | None, b_hh: Array | None, nonlinearity: str
) -> Array:
    return _NONLINEAR[nonlinearity](_projected_input(input, w_ih, b_ih) + _projected_input(h, w_hh, b_hh))


@public(method=False)
def rnn_tanh_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """tanh(W x + b + U h + d): what `nn.RNNCell` computes. w_ih is W, (hidden, input), and w_hh is U, (hidden, hidden).

    >>> torch.rnn_tanh_cell(torch.ones(2, 3), torch.zeros(2, 4), torch.zeros(4, 3), torch.ones(4, 4))[0]
    tensor([0., 0., 0., 0.])
    """
    _check_cell(input, (hx,), w_ih, w_hh, 1)
    return _rnn_cell(input, hx, w_ih, w_hh, b_ih, b_hh, "tanh")


@public(method=False)
def rnn_relu_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """relu(W x + b + U h + d): `rnn_tanh_cell` with another nonlinearity.

    >>> torch.rnn_relu_cell(torch.ones(2, 3), torch.zeros(2, 4), torch.ones(4, 3), torch.ones(4, 4))[0]
    tensor([3., 3., 3., 3.])
    """
    _check_cell(input, (hx,), w_ih, w_hh, 1)
    return _rnn_cell(input, hx, w_ih, w_hh, b_ih, b_hh, "relu")


# ---- several layers


def layers_of(mode, input, states, weights, has_biases, dropped, directions, packing=None):
    """Run all layers and directions: (outputs of the last layer, final states of every layer and direction).

    Args:
        mode: "LSTM", "GRU", "RNN_TANH" or "RNN_RELU".
        input: (time, batch, features).
        states: h, or h and c; each (layers * directions, batch, width).
        weights: for each layer and direction w_ih, w_hh, the biases, and what projects h (of an LSTM).
        dropped: the fraction of outputs that is dropped after each layer except the last.
    """
    finals, sizes = [], None if packing is None else packing.sizes
    for first in range(0, len(weights), directions):
        outs = []
        for at in range(first, first + directions):
            own = [s[at] for s in states]
            out, *last = _layer(mode, input, own, weights[at], has_biases, sizes, at > first)
            outs.append(out)
            finals.append(last)
        input = outs[0] if directions == 1 else cat(outs, 2)
        if dropped > 0 and first + directions < len(weights):
            input = (
                dropout(input, dropped) if packing is None else packing.unpack(dropout(packing.pack(input), dropped))
            )
    return input, [stack(ends) for ends in zip(*finals, strict=True)]


def _layer(mode, input, states, weights, has_biases, sizes, reverse):
    w_ih, w_hh, *rest = weights
    biases, projection = (rest[:2], rest[2:]) if has_biases else ((None, None), rest)
    if mode == "LSTM":
        node = "StackBackward0" if projection or sizes is not None else "MkldnnRnnLayerBackward0"
        w_hr = projection[0] if projection else None
        return lstm_layer(input, *states, w_ih, w_hh, *biases, w_hr, sizes, reverse, node)
    if mode == "GRU":
        return gru_layer(input, *states, w_ih, w_hh, *biases, sizes, reverse, "StackBackward0")
    kind = "tanh" if mode == "RNN_TANH" else "relu"
    return rnn_layer(input, *states, w_ih, w_hh, *biases, sizes, kind, reverse, "StackBackward0")


_PACKED = "data batch_sizes hx params has_biases num_layers dropout train bidirectional".split()
_PADDED = "input hx params has_biases num_layers dropout train bidirectional batch_first".split()
_PACKED_FORM, _PADDED_FORM = (
    inspect.Signature([inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names])
    for names in (_PACKED, _PADDED)
)


def _function_of_weights(name, mode):
    def run(*args: Any, **kwargs: Any) -> tuple[Tensor, ...]:
        is_packed = "batch_sizes" in kwargs or (len(args) > 3 and isinstance(args[3], tuple | list))
        given = (_PACKED_FORM if is_packed else _PADDED_FORM).bind(*args, **kwargs).arguments
        states = [*given["hx"]] if mode == "LSTM" else [given["hx"]]
        directions, count = 2 if given["bidirectional"] else 1, given["num_layers"]
        projects = mode == "LSTM" and states[0].shape[2] != states[1].shape[2]
        weights, each = [*given["params"]], (4 if given["has_biases"] else 2) + projects
        if len(weights) != each * count * directions:
            raise RuntimeError("got an incorrect number of RNN parameters")
        if any(s.shape[0] != count * directions for s in states):
            raise RuntimeError("Expected more hidden states in stacked_rnn")
        parts = [weights[i : i + each] for i in range(0, len(weights), each)]
        dropped = given["dropout"] if given["train"] else 0
        settings = (states, parts, given["has_biases"], dropped, directions)
        if is_packed:
            packing = Packing(given["batch_sizes"])
            out, states = layers_of(mode, packing.unpack(given["data"]), *settings, packing)
            return packing.pack(out), *states
        batch_first, input = given["batch_first"], given["input"]
        out, states = layers_of(mode, input.transpose(0, 1) if batch_first else input, *settings)
        return out.transpose(0, 1) if batch_first else out, *states

    run.__name__ = run.__qualname__ = name
    run.__doc__ = f"""What `torch.nn.{mode.partition("_")[0]}` computes, on given weights.

    Two forms, as in PyTorch: ({", ".join(_PADDED)}) and ({", ".join(_PACKED)}), the second on packed data.

    Returns:
        The outputs, then the final states{" h and c" if mode == "LSTM" else ""}.

    Raises:
        RuntimeError: the number of weights or of states does not fit the layers.
    """
    return function(run)


lstm, gru = _function_of_weights("lstm", "LSTM"), _function_of_weights("gru", "GRU")
rnn_tanh, rnn_relu = _function_of_weights("rnn_tanh", "RNN_TANH"), _function_of_weights("rnn_relu", "RNN_RELU")
