"""`MaskedTensor`: a tensor of which only the elements count that its mask marks as valid.

It holds two tensors, data and mask. A function of it is a function of the data, with the mask that the result has; its gradient
goes to the data. Functions whose meaning for masked elements is not clear are refused.
"""

from __future__ import annotations

from jtorch.core.facts import dtypes
from jtorch.core.tensor import DisableTorchFunctionSubclass, Tensor
from jtorch.masked import _ops as reductions

__all__ = ["MaskedTensor", "is_masked_tensor"]

_UNARY = {
    *"abs absolute acos arccos acosh arccosh angle asin arcsin asinh arcsinh atan arctan atanh arctanh bitwise_not ceil clamp clip".split(),
    *"conj_physical cos cosh deg2rad digamma erf erfc erfinv exp exp2 expm1 fix floor frac lgamma log log10 log1p log2 logit".split(),
    *"i0 isnan nan_to_num neg negative positive pow rad2deg reciprocal round rsqrt sigmoid sign sgn signbit sin sinc sinh".split(),
    *"sqrt square tan tanh trunc relu".split(),
}  # fmt: skip
_BINARY = {
    *"add atan2 arctan2 bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift div divide floor_divide".split(),
    *"fmod logaddexp logaddexp2 mul multiply nextafter remainder rsub sub subtract true_divide eq ne le ge greater".split(),
    *"greater_equal gt less_equal lt less maximum minimum fmax fmin not_equal".split(),
}  # fmt: skip
_OF_BOTH = {
    *"__getitem__ select transpose split t slice expand view reshape cat unsqueeze unfold stack unbind flatten chunk".split(),
    *"view_as reshape_as expand_as T mT".split(),
}  # fmt: skip
_OF_DATA = {
    *"to float double half int long short bool clone detach contiguous ones_like zeros_like type cpu cuda".split(),
}
_PLAIN = {
    *"item is_contiguous tolist size dim numel stride element_size __len__ dim ndimension is_floating_point".split()
}
_REDUCED = {*"sum mean amin amax argmin argmax prod all norm var std".split()}
_DTYPES = {"float16", "float32", "float64", "bool", "int8", "int16", "int32", "int64"}


def is_masked_tensor(obj, /) -> bool:
    """Whether it is a MaskedTensor."""
    return isinstance(obj, MaskedTensor)


class MaskedTensor(Tensor):
    """A tensor with a mask: True where an element is valid.

    Args:
        data: copied, without its history.
        mask: of the same shape and dtype bool.
        requires_grad: collect a gradient in `.grad`, which is a MaskedTensor, too.

    Raises:
        TypeError: data or mask are not tensors, or of a dtype that is not supported.
        ValueError: their shapes differ; in a function of two, their masks differ.

    Differs from torch: data are dense only; the gradient of a plain tensor behind one is plain, and 0 where masked.

    >>> from jtorch.masked import masked_tensor
    >>> x = masked_tensor(torch.tensor([1., 2., 3.]), torch.tensor([True, False, True]))
    >>> x + 1
    MaskedTensor(
      [  2.0000,       --,   4.0000]
    )
    >>> x.mean()
    MaskedTensor(  2.0000, True)
    """

    _hands_over = True

    def __new__(cls, data, mask, requires_grad=False):
        for name, tensor in (("data", data), ("mask", mask)):
            if is_masked_tensor(tensor) or not isinstance(tensor, Tensor):
                raise TypeError(f"{name} must be a Tensor")
            if tensor.is_sparse:
                raise NotImplementedError("a MaskedTensor with sparse data: jtorch's data and masks are dense")
        return _made(cls, data.detach().clone().requires_grad_(requires_grad), mask.clone())

    def __init__(self, data, mask, requires_grad=False):
        """Nothing is left to do."""

    @classmethod
    def with_history(cls, data, mask):
        """One whose gradients go to the data."""
        return _made(cls, data, mask)

    def get_data(self) -> Tensor:
        """The data, masked elements included."""
        return self._masked_data

    def get_mask(self) -> Tensor:
        """The mask."""
        return self._masked_mask

    def to_tensor(self, value) -> Tensor:
        """The data with a value in place of what is masked."""
        return self._masked_data.masked_fill(~self._masked_mask, value)

    is_sparse = False

    def is_sparse_coo(self):
        return False

    def is_sparse_csr(self):
        return False

    def to_sparse(self, *args, **kwargs):
        """Raises NotImplementedError: here data and mask are dense."""
        raise NotImplementedError("a MaskedTensor with sparse data: jtorch's data and masks are dense")

    to_sparse_coo = to_sparse_csr = to_sparse

    # ---- gradients are those of the data

    requires_grad = property(lambda self: self._masked_data.requires_grad)
    is_leaf = property(lambda self: self._masked_data.is_leaf)
    grad_fn = property(lambda self: self._masked_data.grad_fn)

    @property
    def grad(self):
        found = self._masked_data.grad
        return None if found is None else MaskedTensor(found, self._masked_mask)

    def requires_grad_(self, requires_grad=True):
        self._masked_data.requires_grad_(requires_grad)
        return self

    def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
        gradient = gradient.get_data() if is_masked_tensor(gradient) else gradient
        self._masked_data.backward(gradient, retain_graph, create_graph, inputs)

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        kwargs, name = kwargs or {}, func.__name__
        if name == "grad":
            return _masked_gradients(func, args, kwargs)
        if name in _REDUCED:
            return _reduced(name, *args, **kwargs)
        if name in ("softmax", "log_softmax") and is_masked_tensor(args[0]):
            mask = args[0].get_mask()
            return cls.with_history(getattr(reductions, name)(args[0].get_data(), *args[1:], mask=mask, **kwargs), mask)
        if name == "where":
            parts = args[1:3]
            masks = [x.get_mask() if is_masked_tensor(x) else args[0].new_ones(args[0].shape) for x in parts]
            return cls.with_history(func(args[0], *map(_data_of, parts)), func(args[0], *masks))
        plain = name.removesuffix("_") if not name.endswith("__") else name
        if plain in _UNARY or plain in _BINARY or name in _OF_DATA:
            return _of_data(func, name, plain, args, kwargs)
        if name in _OF_BOTH:
            data, masks = (_mapped_parts(get, (args, kwargs)) for get in (_data_of, MaskedTensor.get_mask))
            return _wrapped_pairs(func(*data[0], **data[1]), func(*masks[0], **masks[1]))
        if name == "__get__" or name in _PLAIN:
            with DisableTorchFunctionSubclass():
                return func(*_mapped_parts(_data_of, args) if name != "__get__" else args, **kwargs)
        return NotImplemented

    def __repr__(self, *, tensor_contents=None):
        if self._masked_data.dim() == 0:
            valid = bool(self._masked_mask)
            return f"MaskedTensor({_element_text(self._masked_data.item()) if valid else '--'}, {valid})"
        return (
            "MaskedTensor(\n" + _indented(_nested_text(self._masked_data.tolist(), self._masked_mask.tolist())) + "\n)"
        )


def _made(cls, data, mask):
    if mask.dtype is not dtypes.bool_:
        raise TypeError("mask must have dtype bool.")
    if data.dtype.name not in _DTYPES:
        raise TypeError(f"{data.dtype} is not supported in MaskedTensor.")
    if data.dim() != mask.dim():
        raise ValueError("data.dim() must equal mask.dim()")
    if data.shape != mask.shape:
        raise ValueError("data.size() must equal mask.size()")
    made = data.detach()._alias(cls)
    made._masked_data, made._masked_mask = data, mask
    return made


def _masked_gradients(func, args, kwargs):
    """`torch.autograd.grad` of the data; the gradient of a tensor with a mask has that mask."""
    inputs = kwargs["inputs"] if "inputs" in kwargs else args[1]
    made = func(*_mapped_parts(_data_of, args), **_mapped_parts(_data_of, kwargs))
    asked = inputs if isinstance(inputs, tuple | list) else (inputs,)
    return tuple(
        MaskedTensor.with_history(g, x.get_mask()) if is_masked_tensor(x) and g is not None else g
        for x, g in zip(asked, made, strict=True)
    )


def _data_of(x):
    return x.get_data() if is_masked_tensor(x) else x


def _mapped_parts(get, tree):
    if is_masked_tensor(tree):
        return get(tree)
    if isinstance(tree, dict):
        return {k: _mapped_parts(get, v) for k, v in tree.items()}
    return type(tree)([_mapped_parts(get, part) for part in tree]) if type(tree) in (list, tuple) else tree


def _wrapped_pairs(data, mask):
    if isinstance(data, tuple | list):
        return type(data)([_wrapped_pairs(d, m) for d, m in zip(data, mask, strict=True)])
    return MaskedTensor.with_history(data, mask)


def _of_data(func, name, plain, args, kwargs):
    """A function of each element: the result has the mask of its arguments."""
    masks = [x.get_mask() for x in args if is_masked_tensor(x)]
    if len(masks) > 1 and not (masks[0].shape == masks[1].shape and bool((masks[0] == masks[1]).all())):
        raise ValueError("Input masks must match. If you need support for this, please open an issue on Github.")
    data = func(*map(_data_of, args), **_mapped_parts(_data_of, kwargs))
    return args[0] if name != plain and name not in _OF_DATA else MaskedTensor.with_history(data, masks[0])


def _reduced(name, self, dim=None, keepdim=False, dtype=None):
    data, mask = self.get_data(), self.get_mask()
    if name == "all":
        filled = data.masked_fill(~mask, True)
        made = filled.all() if dim is None else filled.all(dim, keepdim)
    elif dim is None:
        made = getattr(reductions, name)(data, mask=mask)
    else:
        made = getattr(reductions, name)(data, dim=dim, keepdim=keepdim, dtype=dtype, mask=mask)
    valid = mask.any() if dim is None else mask
    for d in sorted([dim] if isinstance(dim, int) else dim or (), reverse=True):
        valid = valid.any(d, keepdim)
    return MaskedTensor.with_history(made, valid)


def _element_text(number):
    return f"{number:8.4f}" if isinstance(number, float) else str(number)


def _nested_text(data, mask):
    if not isinstance(data[0] if data else 0.0, list):
        parts = [_element_text(x) for x in data]
        width = max([8 if not valid else len(part) for part, valid in zip(parts, mask, strict=True)], default=0)
        return "[" + ", ".join(part if ok else "--".rjust(width) for part, ok in zip(parts, mask, strict=True)) + "]"
    return "[\n" + ",\n".join(_indented(_nested_text(d, m)) for d, m in zip(data, mask, strict=True)) + "\n]"


def _indented(text):
    return "\n".join("  " + line for line in text.split("\n"))
