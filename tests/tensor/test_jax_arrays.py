"""A jax.Array wherever PyTorch takes a NumPy array: the same result, and no copy where there is none of an array."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jtorch as torch
from jtorch.utils.data import DataLoader, default_collate, default_convert

A = np.array([1.0, 2.0, 3.0], np.float32)
I = np.array([2, 0])
T = torch.arange(3.0)


def written(index, value):
    x = torch.arange(3.0)
    x[index] = value
    return x


CALLS = {
    "tensor": lambda f: torch.tensor(f(A)),
    "tensor of a number": lambda f: torch.tensor(f(A[1])),
    "tensor of a list": lambda f: torch.tensor([[f(A[0]), f(A[1])], [3.0, f(A[2])]]),
    "tensor of arrays": lambda f: torch.tensor([f(A), f(A)]),
    "as_tensor": lambda f: torch.as_tensor(f(A)),
    "as_tensor, cast": lambda f: torch.as_tensor(f(I), dtype=torch.float64),
    "asarray": lambda f: torch.asarray(f(A)),
    "from_numpy": lambda f: torch.from_numpy(f(A)),
    "from_dlpack": lambda f: torch.from_dlpack(f(A)),
    "Tensor": lambda f: torch.Tensor(f(A)),
    "FloatTensor": lambda f: torch.FloatTensor(f(A)),
    "LongTensor": lambda f: torch.LongTensor(f(I)),
    "new": lambda f: T.new(f(A)),
    "new_tensor": lambda f: T.new_tensor(f(I)),
    "read by index": lambda f: T[f(I)],
    "read by mask": lambda f: T[f(A > 1)],
    "write by index": lambda f: written(f(I), 5.0),
    "+": lambda f: T + f(A),
    "*": lambda f: T * f(A),
    "-": lambda f: T - f(A),
    "**": lambda f: T ** f(A),
    "==": lambda f: T == f(A),
    "collate": lambda f: default_collate([(f(A), 1), (f(A), 2)]),
    "convert": lambda f: default_convert({"a": f(A)}),
    "DataLoader": lambda f: list(DataLoader(f(A), batch_size=2)),
}


@pytest.mark.filterwarnings("ignore:Creating a tensor from a list")
@pytest.mark.parametrize("name", CALLS)
def test_a_jax_array_is_taken_as_an_array(name):
    with jax.enable_x64(True):
        given = CALLS[name](jnp.asarray)
    assert repr(given) == repr(CALLS[name](np.asarray))


def test_a_gradient_flows_past_a_jax_array():
    x = torch.ones(3, requires_grad=True)
    (x * jnp.asarray(A)).sum().backward()
    assert x.grad.tolist() == [1.0, 2.0, 3.0]


SHARING = {
    "as_tensor": torch.as_tensor,
    "asarray": torch.asarray,
    "from_numpy": torch.from_numpy,
    "from_dlpack": torch.from_dlpack,
    "default_convert": default_convert,
}


@pytest.mark.parametrize("name", SHARING)
def test_no_copy_comes_between_a_jax_array_and_a_tensor(name):
    array = jnp.arange(1000.0)
    pointer = array.unsafe_buffer_pointer()
    t = SHARING[name](array)
    assert t.__jax_array__().unsafe_buffer_pointer() == pointer


def test_a_write_to_the_tensor_leaves_the_jax_array_as_it_was():
    array = jnp.arange(3.0)
    for make in SHARING.values():
        t = make(array)
        t += 1
        t[0] = 7
        assert t.tolist() == [7.0, 2.0, 3.0]
        assert array.tolist() == [0.0, 1.0, 2.0]


def test_dlpack_shares_a_tensors_memory():
    """Both sides see each other's writes, as in PyTorch. Memory of JAX's may not be written to, so the first export leaves it."""
    t = torch.as_tensor(jnp.arange(1000.0))
    array, other = np.from_dlpack(t), torch.from_dlpack(t)
    assert array.__array_interface__["data"][0] == t.data_ptr() == other.data_ptr()
    t[0] = 5
    other[1] = 6
    assert array[:3].tolist() == t[:3].tolist() == [5.0, 6.0, 2.0]
