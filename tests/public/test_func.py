"""torch.func, vmap and JAX's own transformations over functions written with jtorch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jtorch
from jtorch import func, nn
from jtorch.core import engine

pytestmark = pytest.mark.optimized  # JAX passes no compiler options to what runs inside its own jit


def test_a_transformed_function_compiles_once():
    f = func.vmap(func.grad(lambda w, x: (w * x).sum() ** 2), in_dims=(None, 0))
    w, x = jtorch.ones(3), jtorch.ones(4, 3)
    for _ in range(3):
        f(w, x).numpy()
    before = jtorch.compiler.stats().compiles
    f(w, x).numpy()
    assert jtorch.compiler.stats().compiles == before


def loss(x, w):
    return ((x @ w).relu() * 2 + 0.5).sum()


X, W = np.arange(6.0, dtype="float32").reshape(2, 3), np.ones((3, 2), "float32")


def test_jax_jit_takes_tensors():
    out = jax.jit(loss)(jtorch.tensor(X), jtorch.tensor(W))
    assert isinstance(out, jtorch.Tensor)
    assert out.item() == pytest.approx(float((np.maximum(X @ W, 0) * 2 + 0.5).sum()))


def test_jax_grad_takes_a_function_written_with_jtorch():
    found = jax.grad(func.to_jax(loss), argnums=1)(jnp.asarray(X), jnp.asarray(W))
    np.testing.assert_allclose(found, 2 * np.repeat(X.sum(0)[:, None], 2, 1))


def test_what_comes_of_a_tracer_and_an_array_is_traced():
    def f(w):
        met = jtorch.tensor(X) @ w
        assert met._type.place is engine.TRACED
        return met.sum()

    assert jax.grad(func.to_jax(f))(jnp.asarray(W)).shape == W.shape


def test_jax_vmap_takes_tensors():
    out = jax.vmap(lambda row: row.sum() * jtorch.ones(2))(jtorch.tensor(X))
    assert out.tolist() == [[3.0, 3.0], [12.0, 12.0]]


def test_inside_jit_what_was_recorded_before_stays_outside():
    c = jtorch.ones(3) * 2
    out = jax.jit(lambda x: x * c)(jtorch.ones(3))
    assert out.tolist() == [2.0, 2.0, 2.0]
    assert (c + 1).tolist() == [3.0, 3.0, 3.0]


def test_views_and_writes_inside_jit():
    def f(x):
        y = x.clone()
        y[0] = 1.0
        y += 1
        z = jtorch.zeros(2, 3)
        z[1] = y[1]
        return z.t()

    assert jax.jit(f)(jtorch.ones(2, 3)).tolist() == [[0.0, 2.0]] * 3


def test_a_module_is_a_pytree():
    m = nn.Linear(3, 2)
    assert [leaf.shape for leaf in jax.tree.leaves(m)] == [(2, 3), (2,)]

    @jax.jit
    def step(m, x):
        value, grads = jax.value_and_grad(func.to_jax(lambda m: (m(x) ** 2).mean()))(m)
        return value, jax.tree.map(lambda p, g: p - 0.1 * g, m, grads)

    x = jtorch.ones(2, 3)
    first, m2 = step(m, x)
    second, m3 = step(m2, x)
    assert second < first
    assert type(m3) is nn.Linear
    assert m3.weight.requires_grad
    assert step._cache_size() == 1


def test_from_jax_is_a_differentiable_operation():
    f = func.from_jax(lambda x, k=2: {"a": jnp.sin(x) * k, "b": (x,)})
    x = jtorch.ones(3, requires_grad=True)
    out = f(x, k=3)
    out["a"].sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), 3 * np.cos(np.ones(3)), rtol=1e-6)
    assert out["b"][0].tolist() == [1.0, 1.0, 1.0]
    assert func.vmap(func.from_jax(jnp.sum))(jtorch.ones(2, 3)).tolist() == [3.0, 3.0]
    assert func.jvp(func.from_jax(jnp.sin), (x.detach(),), (x.detach(),))[1].tolist() == pytest.approx(
        [np.cos(1.0)] * 3
    )


def test_writes_through_views_hold_under_jit():
    def f(x):
        y = x * 1
        y.view(-1)[1:3] += 1
        y.t()[0].fill_(7)
        y.detach().mul_(2)
        y.data.add_(1)
        return y

    x = np.ones((2, 2), np.float32)
    np.testing.assert_array_equal(jax.jit(func.to_jax(f))(x), f(jtorch.ones(2, 2)).numpy())


def test_jax_grad_stops_where_pytorch_does():
    def f(x):
        with jtorch.no_grad():
            y = x * x
        z = x * 1
        z.detach().mul_(3)  # autograd does not see it
        return (x + y + z).sum() + (3 * x).detach().sum() + (3 * x).data.sum()

    x = jtorch.ones(2, requires_grad=True)
    f(x).backward()
    assert jax.grad(func.to_jax(f))(jnp.ones(2)).tolist() == x.grad.tolist() == [2.0, 2.0]
    with jtorch.no_grad():  # around the whole call it has no effect
        assert jax.grad(func.to_jax(f))(jnp.ones(2)).tolist() == [2.0, 2.0]
