"""NumPy's numbers and JAX's arrays without dimensions are taken wherever a number is."""

import jax.numpy as jnp
import numpy as np
import pytest

import jtorch as torch

CALLS = """
torch.full((2,), f)
torch.full((2,), i)
torch.full((i, 2), 1.0)
torch.full_like(x, f)
x.new_full((2,), i)
torch.scalar_tensor(f)
x.clamp(f)
x.clamp(0, f)
torch.clamp(x, min=f, max=i)
x.clip(f)
x.add(f)
x.add(1, alpha=f)
x.clone().mul_(f)
x.sub(i)
x.pow(f)
x ** i
x % f
x // f
x == f
torch.where(x > 1, x, f)
torch.where(x > 1, f, x)
x.masked_fill(x > 1, f)
x.clone().fill_(f)
x.index_fill(0, torch.tensor([0]), f)
torch.arange(i)
torch.arange(0, f)
torch.linspace(0, f, 3)
torch.linspace(0, 1, i)
torch.zeros(i)
torch.eye(i)
x.sum(i - 1)
x.sum(dim=i - 1)
x.reshape(i, 3)
x.narrow(1, 0, i)
x.select(1, i)
x.roll(i, 1)
x.chunk(i)
x.topk(i)
x.unsqueeze(i)
x.flatten(i - 2)
x.transpose(i - 2, i - 1)
x.kthvalue(i)
x.tril(i)
x.fmod(f)
x.lerp(x + 1, f)
x.addcmul(x, x, value=f)
torch.nn.functional.leaky_relu(x, f)
torch.nn.functional.hardtanh(x, 0.0, f)
torch.nn.functional.pad(x, (i, 0), value=f)
torch.nn.functional.one_hot(torch.tensor([0, 1]), i)
torch.tensor([f, f])
torch.tensor(5) << i
x[:, i]
x[:, :i]
""".strip().splitlines()
REFLECTED = ["f + x", "f - x", "f * x", "f / (x + 1)", "f ** x", "i < x"]


def seen(code, f, i):
    try:
        return repr(eval(code, {"torch": torch, "x": torch.arange(6.0).reshape(2, 3), "f": f, "i": i}))
    except Exception as error:
        return type(error)


@pytest.mark.parametrize("code", CALLS + REFLECTED)
def test_numbers_of_numpy_are_numbers(code):
    assert seen(code, np.float32(1.5), np.int32(2)) == seen(code, 1.5, 2)


@pytest.mark.parametrize("code", CALLS)
def test_numbers_of_jax_are_numbers(code):
    assert seen(code, jnp.float32(1.5), jnp.int32(2)) == seen(code, 1.5, 2)


def test_what_takes_no_number_still_says_so():
    x = torch.arange(6.0)
    for wrong in (np.float32(1.5), jnp.float32(1.5)):
        with pytest.raises(TypeError, match="topk"):
            x.topk(wrong)
    with pytest.raises(TypeError, match="must be"):
        torch.cat(jnp.float32(1.5))
