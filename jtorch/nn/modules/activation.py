"""Activations as modules, and MultiheadAttention. Each calls its function with the settings given to its constructor."""

from __future__ import annotations

from jtorch.core.ops.arithmetic import activations
from jtorch.core.ops.arithmetic.elementary import sigmoid, tanh
from jtorch.core.ops.layers import attention
from jtorch.core.ops.make.create import empty
from jtorch.nn import init
from jtorch.nn.modules.linear import NonDynamicallyQuantizableLinear
from jtorch.nn.modules.module import Module
from jtorch.nn.parameter import Parameter

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "MultiheadAttention",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]


class _Inplace(Module):
    """An activation that has no setting but `inplace`."""

    __constants__ = ["inplace"]

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class ReLU(_Inplace):
    """max(x, 0). See :func:`relu`.

    >>> torch.nn.ReLU()(torch.tensor([-1., 2.]))
    tensor([0., 2.])
    """

    def forward(self, input):
        made = activations.relu(input)
        return activations.into_input(input, made, True) if self.inplace else made


class SELU(_Inplace):
    """scale * elu(x, 1.6733), with scale 1.0507. Keeps mean 0 and standard deviation 1. See :func:`selu`."""

    def forward(self, input):
        made = activations.selu(input)
        return activations.into_input(input, made, True) if self.inplace else made


class SiLU(_Inplace):
    """x * sigmoid(x). See :func:`silu`."""

    def forward(self, input):
        made = activations.silu(input)
        return activations.into_input(input, made, True) if self.inplace else made


class Mish(_Inplace):
    """x * tanh(softplus(x)). See :func:`mish`."""

    def forward(self, input):
        made = activations.mish(input)
        return activations.into_input(input, made, True) if self.inplace else made


class Hardsigmoid(_Inplace):
    """0 where x <= -3, 1 where x >= 3, x / 6 + 1/2 between. See :func:`hardsigmoid`."""

    def forward(self, input):
        made = activations.hardsigmoid(input)
        return activations.into_input(input, made, True) if self.inplace else made

    extra_repr = Module.extra_repr


class Hardswish(_Inplace):
    """x * hardsigmoid(x). See :func:`hardswish`."""

    def forward(self, input):
        made = activations.hardswish(input)
        return activations.into_input(input, made, True) if self.inplace else made

    extra_repr = Module.extra_repr


class _InplaceAlpha(Module):
    """An activation with `alpha` and `inplace`."""

    __constants__ = ["alpha", "inplace"]

    def __init__(self, alpha=1.0, inplace=False):
        super().__init__()
        self.alpha = alpha
        self.inplace = inplace

    def extra_repr(self):
        return f"alpha={self.alpha}" + (", inplace=True" if self.inplace else "")


class ELU(_InplaceAlpha):
    """x where x > 0, else alpha * (exp(x) - 1). See :func:`elu`."""

    def forward(self, input):
        made = activations.elu(input, self.alpha)
        return activations.into_input(input, made, True) if self.inplace else made


class CELU(_InplaceAlpha):
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1)). See :func:`celu`."""

    def forward(self, input):
        made = activations.celu(input, self.alpha)
        return activations.into_input(input, made, True) if self.inplace else made


class LeakyReLU(Module):
    """x where x > 0, else negative_slope * x. See :func:`leaky_relu`."""

    __constants__ = ["negative_slope", "inplace"]

    def __init__(self, negative_slope=1e-2, inplace=False):
        super().__init__()
        self.negative_slope = negative_slope
        self.inplace = inplace

    def forward(self, input):
        made = activations.leaky_relu(input, self.negative_slope)
        return activations.into_input(input, made, True) if self.inplace else made

    def extra_repr(self):
        return f"negative_slope={self.negative_slope}" + (", inplace=True" if self.inplace else "")


class GELU(Module):
    """x * P(N(0, 1) <= x). See :func:`gelu`."""

    __constants__ = ["approximate"]

    def __init__(self, approximate="none"):
        super().__init__()
        self.approximate = approximate

    def forward(self, input):
        return activations.gelu(input, approximate=self.approximate)

    def extra_repr(self):
        return f"approximate={self.approximate!r}"


class Sigmoid(Module):
    """1 / (1 + exp(-x)). See :func:`sigmoid`."""

    def forward(self, input):
        return sigmoid(input)


class Tanh(Module):
    """tanh(x). See :func:`tanh`."""

    def forward(self, input):
        return tanh(input)


class LogSigmoid(Module):
    """log(sigmoid(x)). See :func:`logsigmoid`."""

    def forward(self, input):
        return activations.logsigmoid(input)


class Softsign(Module):
    """x / (1 + |x|). See :func:`softsign`."""

    def forward(self, input):
        return activations.softsign(input)


class Tanhshrink(Module):
    """x - tanh(x). See :func:`tanhshrink`."""

    def forward(self, input):
        return activations.tanhshrink(input)


class Softplus(Module):
    """log(1 + exp(beta * x)) / beta; x itself where beta * x > threshold. See :func:`softplus`."""

    __constants__ = ["beta", "threshold"]

    def __init__(self, beta=1.0, threshold=20.0):
        super().__init__()
        self.beta = beta
        self.threshold = threshold

    def forward(self, input):
        return activations.softplus(input, self.beta, self.threshold)

    def extra_repr(self):
        return f"beta={self.beta}, threshold={self.threshold}"


class Hardshrink(Module):
    """x where |x| > lambd, else 0. See :func:`hardshrink`."""

    __constants__ = ["lambd"]

    def __init__(self, lambd=0.5):
        super().__init__()
        self.lambd = lambd

    def forward(self, input):
        return activations.hardshrink(input, self.lambd)

    def extra_repr(self):
        return str(self.lambd)


class Softshrink(Module):
    """x moved towards 0 by lambd, and 0 within it. See :func:`softshrink`."""

    __constants__ = ["lambd"]

    def __init__(self, lambd=0.5):
        super().__init__()
        self.lambd = lambd

    def forward(self, input):
        return activations.softshrink(input, self.lambd)

    def extra_repr(self):
        return str(self.lambd)


class Threshold(Module):
    """x where x > threshold, else value."""

    __constants__ = ["threshold", "value", "inplace"]

    def __init__(self, threshold, value, inplace=False):
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input):
        return activations.into_input(input, activations.thresholded(input, self.threshold, self.value), self.inplace)

    def extra_repr(self):
        return f"threshold={self.threshold}, value={self.value}" + (", inplace=True" if self.inplace else "")


class Hardtanh(Module):
    """x clipped to [min_val, max_val]. See :func:`hardtanh`."""

    __constants__ = ["min_val", "max_val", "inplace"]

    def __init__(self, min_val=-1.0, max_val=1.0, inplace=False):
        super().__init__()
        self.min_val = min_val
        self.max_val = max_val
        self.inplace = inplace
        if not self.max_val > self.min_val:
            raise AssertionError(f"max_val ({max_val}) must be greater than min_val ({min_val})")

    def forward(self, input):
        return activations.into_input(input, activations.hardtanh(input, self.min_val, self.max_val), self.inplace)

    def extra_repr(self):
        return f"min_val={self.min_val}, max_val={self.max_val}" + (", inplace=True" if self.inplace else "")


class ReLU6(Hardtanh):
    """min(max(x, 0), 6). See :func:`relu6`."""

    def __init__(self, inplace=False):
        super().__init__(0.0, 6.0, inplace)

    def extra_repr(self):
        return "inplace=True" if self.inplace else ""


class RReLU(Module):
    """Leaky relu with a random slope in training. See :func:`rrelu`."""

    __constants__ = ["lower", "upper", "inplace"]

    def __init__(self, lower=1.0 / 8, upper=1.0 / 3, inplace=False):
        super().__init__()
        self.lower = lower
        self.upper = upper
        self.inplace = inplace

    def forward(self, input):
        return activations.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self):
        return f"lower={self.lower}, upper={self.upper}" + (", inplace=True" if self.inplace else "")


class PReLU(Module):
    """x where x > 0, else weight * x, with learned weights: one, or one per channel."""

    __constants__ = ["num_parameters"]

    def __init__(self, num_parameters=1, init=0.25, device=None, dtype=None):
        super().__init__()
        self.num_parameters = num_parameters
        self.init = init
        self.weight = Parameter(empty(num_parameters, device=device, dtype=dtype).fill_(init))

    def forward(self, input):
        return activations.prelu(input, self.weight)

    def extra_repr(self):
        return f"num_parameters={self.num_parameters}"


class GLU(Module):
    """a * sigmoid(b), with a and b the halves of x along dim."""

    __constants__ = ["dim"]

    def __init__(self, dim=-1):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return activations.glu(input, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class Softmax(Module):
    """exp(x) / sum(exp(x)) along dim. See :func:`softmax`.

    >>> torch.nn.Softmax(dim=1)(torch.zeros(1, 2))
    tensor([[0.5000, 0.5000]])
    """

    __constants__ = ["dim"]

    def __init__(self, dim=None):
        super().__init__()
        self.dim = dim

    def forward(self, input):
        return activations.implicit_softmax("softmax", activations.softmax, input, self.dim)

    def extra_repr(self):
        return f"dim={self.dim}"


class LogSoftmax(Softmax):
    """log(softmax(x)) along dim. See :func:`log_softmax`."""

    def forward(self, input):
        return activations.implicit_softmax("log_softmax", activations.log_softmax, input, self.dim)


class Softmin(Softmax):
    """softmax(-x) along dim."""

    def forward(self, input):
        return activations.implicit_softmax("softmin", activations.softmax, -input, self.dim)


class Softmax2d(Module):
    """softmax over the channels of (N, C, H, W) or (C, H, W)."""

    def forward(self, input):
        if input.dim() not in (3, 4):
            raise ValueError(f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead")
        return activations.softmax(input, -3)


class MultiheadAttention(Module):
    """Several attentions in parallel, each with its own projection of query, key and value.

    Args:
        embed_dim: size of the query and of the result.
        num_heads: number of attentions.
        dropout: probability that a weight is dropped.
        bias: whether the projections have one.
        add_bias_kv: add a learned key and value.
        add_zero_attn: add a key and value of zeros.
        kdim, vdim: sizes of key and value; default: embed_dim.
        batch_first: tensors are (batch, length, size), not (length, batch, size).

    Shape:
        query (L, N, E), key (S, N, kdim), value (S, N, vdim) → (L, N, E), weights (N, L, S)

    >>> x = torch.ones(3, 2, 4)
    >>> result, weights = torch.nn.MultiheadAttention(4, 2)(x, x, x)
    >>> result.shape, weights.shape
    (torch.Size([3, 2, 4]), torch.Size([2, 3, 3]))
    """

    __constants__ = ["batch_first"]

    def __init__(
        self,
        embed_dim,
        num_heads,
        dropout=0.0,
        bias=True,
        add_bias_kv=False,
        add_zero_attn=False,
        kdim=None,
        vdim=None,
        batch_first=False,
        device=None,
        dtype=None,
    ):
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} instead"
            )
        super().__init__()
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        if self.head_dim * num_heads != embed_dim:
            raise AssertionError("embed_dim must be divisible by num_heads")

        def parameter(*shape):
            return Parameter(empty(shape, device=device, dtype=dtype))

        shapes = {
            "q_proj_weight": (embed_dim, embed_dim),
            "k_proj_weight": (embed_dim, self.kdim),
            "v_proj_weight": (embed_dim, self.vdim),
        }
        if self._qkv_same_embed_dim:
            self.in_proj_weight = parameter(3 * embed_dim, embed_dim)
            for name in shapes:
                self.register_parameter(name, None)
        else:
            for name, shape in shapes.items():
                setattr(self, name, parameter(*shape))
            self.register_parameter("in_proj_weight", None)
        if bias:
            self.in_proj_bias = parameter(3 * embed_dim)
        else:
            self.register_parameter("in_proj_bias", None)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias=bias, device=device, dtype=dtype)
        if add_bias_kv:
            self.bias_k = parameter(1, 1, embed_dim)
            self.bias_v = parameter(1, 1, embed_dim)
        else:
            self.bias_k = self.bias_v = None
        self.add_zero_attn = add_zero_attn
        self._reset_parameters()

    def _reset_parameters(self):
        if self._qkv_same_embed_dim:
            init.xavier_uniform_(self.in_proj_weight)
        else:
            for weight in (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def __setstate__(self, state):
        state.setdefault("_qkv_same_embed_dim", True)  # files of PyTorch before 1.1 do not have it
        super().__setstate__(state)

    def forward(
        self,
        query,
        key,
        value,
        key_padding_mask=None,
        need_weights=True,
        attn_mask=None,
        average_attn_weights=True,
        is_causal=False,
    ):
        """(the result, the weights).

        Args:
            key_padding_mask: (N, S), True (or -inf) at keys that no query may attend to.
            need_weights: return the weights, which makes the faster attention impossible. False: return None instead.
            attn_mask: (L, S) or (N * num_heads, L, S), True where a query may not attend, or numbers to add.
            average_attn_weights: return the mean over the heads. False: return (N, num_heads, L, S).
            is_causal: attn_mask, which must be given, is causal.
        """
        key_padding_mask = attention.canonical_mask(
            key_padding_mask, "key_padding_mask", attention.dtype_or_none(attn_mask), "attn_mask", query.dtype
        )
        attn_mask = attention.canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, check_other=False)
        turned = self.batch_first and query.dim() == 3
        if turned:
            same = {}
            query, key, value = [same.setdefault(id(x), x.transpose(1, 0)) for x in (query, key, value)]
        out, weights = attention.multi_head_attention_forward(
            query, key, value, self.embed_dim, self.num_heads, self.in_proj_weight, self.in_proj_bias, self.bias_k,
            self.bias_v, self.add_zero_attn, self.dropout, self.out_proj.weight, self.out_proj.bias, self.training,
            key_padding_mask, need_weights, attn_mask, not self._qkv_same_embed_dim, self.q_proj_weight,
            self.k_proj_weight, self.v_proj_weight, average_attn_weights=average_attn_weights, is_causal=is_causal,
        )  # fmt: skip
        return (out.transpose(1, 0) if turned else out), weights

    def merge_masks(self, attn_mask, key_padding_mask, query):
        """(the merged mask, its kind: 0 attention, 1 padding, 2 both)."""
        kind = None if key_padding_mask is None else 1
        merged = key_padding_mask
        if attn_mask is not None:
            batch, length, _ = query.shape
            kind = 2
            merged = attn_mask if attn_mask.dim() == 3 else attn_mask.view(1, 1, length, length)
            merged = (merged.view(batch, -1, length, length) if attn_mask.dim() == 3 else merged).expand(
                batch, self.num_heads, -1, -1
            )
            if key_padding_mask is not None:
                padded = key_padding_mask.view(batch, 1, 1, length).expand(-1, self.num_heads, -1, -1)
                merged = merged + padded
        return merged, kind
