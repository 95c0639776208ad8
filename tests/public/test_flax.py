"""`jtorch.flax`: a flax module trains in a PyTorch loop with flax's own numbers, and an `nn.Module` trains under NNX."""

import importlib.util

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import jtorch
from jtorch import nn

if importlib.util.find_spec("flax") is None:
    pytest.skip("needs the extra `flax`", allow_module_level=True)

import flax.linen as linen
from flax import nnx

import jtorch.flax

PICTURES = np.random.default_rng(0).normal(size=(16, 8, 8, 1)).astype(np.float32)
LABELS = np.arange(16) % 3


class MLP(nnx.Module):
    def __init__(self, rngs):
        self.layers = nnx.List([nnx.Linear(64, 8, rngs=rngs), nnx.Linear(8, 3, rngs=rngs)])

    def __call__(self, x):
        return self.layers[1](nnx.tanh(self.layers[0](x.reshape(x.shape[0], -1))))


class CNN(nnx.Module):
    def __init__(self, rngs):
        self.conv, self.norm = nnx.Conv(1, 4, (3, 3), rngs=rngs), nnx.BatchNorm(4, rngs=rngs)
        self.dropout, self.out = nnx.Dropout(0.5, rngs=rngs), nnx.Linear(256, 3, rngs=rngs)

    def __call__(self, x):
        x = self.dropout(nnx.relu(self.norm(self.conv(x))))
        return self.out(x.reshape(x.shape[0], -1))


class Block(nnx.Module):
    def __init__(self, rngs):
        self.attend = nnx.MultiHeadAttention(2, 8, decode=False, dropout_rate=0.1, rngs=rngs)
        self.norm, self.out = nnx.LayerNorm(8, rngs=rngs), nnx.Linear(8, 3, rngs=rngs)

    def __call__(self, x):
        x = x.reshape(x.shape[0], 8, 8)
        return self.out(self.norm(x + self.attend(x)).mean(1))


@nnx.jit
def nnx_step(model, optimizer, x, y):
    def loss_of(model):
        return optax.softmax_cross_entropy_with_integer_labels(model(x), y).mean()

    loss, grads = nnx.value_and_grad(loss_of)(model)
    optimizer.update(model, grads)
    return loss


@pytest.mark.parametrize("kind", [MLP, CNN, Block])
def test_an_nnx_module_trains_in_a_pytorch_loop_as_it_does_under_nnx(kind):
    theirs, net = kind(nnx.Rngs(0)), jtorch.flax.Module(kind(nnx.Rngs(0)))
    theirs.train()
    optimizer = jtorch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
    nnx_optimizer = nnx.Optimizer(theirs, optax.sgd(0.1, momentum=0.9), wrt=nnx.Param)
    x, y = jtorch.from_numpy(PICTURES), jtorch.from_numpy(LABELS)
    for _ in range(4):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
        np.testing.assert_allclose(loss.item(), nnx_step(theirs, nnx_optimizer, PICTURES, LABELS), rtol=1e-5)
    net.eval()
    theirs.eval()
    np.testing.assert_allclose(net(x).detach().numpy(), theirs(PICTURES), atol=1e-5)
    np.testing.assert_allclose(net.to_flax()(PICTURES), theirs(PICTURES), atol=1e-5)

    fresh = jtorch.flax.Module(kind(nnx.Rngs(1)))  # the state_dict holds dropout's streams, too
    fresh.load_state_dict(net.state_dict())
    net.train()
    assert jtorch.equal(fresh(x), net(x))
    # and a state_dict of what NNX trained
    net.load_state_dict(jtorch.flax.Module(theirs).state_dict())
    np.testing.assert_allclose(net.eval()(x).detach().numpy(), theirs(PICTURES), atol=1e-6)


def test_statistics_are_buffers_and_dropout_moves_on():
    net = jtorch.flax.Module(CNN(nnx.Rngs(0)))
    assert {name for name, _ in net.named_buffers()} == {
        "norm.mean", "norm.var", "dropout.rngs.count", "dropout.rngs.key"
    }  # fmt: skip
    x = jtorch.from_numpy(PICTURES)
    before = net.norm.mean.clone()
    first, second = net(x), net(x)
    assert not jtorch.equal(first, second)
    assert not jtorch.equal(before, net.norm.mean)
    assert not net.norm.mean.requires_grad
    assert net.dropout.rngs.count.item() == 2


class Linen(linen.Module):
    @linen.compact
    def __call__(self, x, train: bool = False):
        x = linen.BatchNorm(use_running_average=not train)(linen.Dense(8)(x))
        return linen.Dense(3)(linen.Dropout(0.3, deterministic=not train)(linen.relu(x)))


def test_a_linen_module_trains_with_its_statistics_and_its_dropout():
    x = PICTURES.reshape(16, -1)
    module = Linen()
    variables, key = module.init(jax.random.key(0), x), jax.random.key(1)
    net = jtorch.flax.Module(module, variables, rngs={"dropout": key})
    optimizer = jtorch.optim.SGD(net.parameters(), lr=0.1)

    def loss_of(params, stats, count):
        out, new = module.apply(
            {"params": params, "batch_stats": stats}, x, train=True, mutable=["batch_stats"],
            rngs={"dropout": jax.random.fold_in(key, count)},
        )  # fmt: skip
        return optax.softmax_cross_entropy_with_integer_labels(out, LABELS).mean(), new["batch_stats"]

    params, stats = variables["params"], variables["batch_stats"]
    for count in range(3):
        (loss, stats), grads = jax.value_and_grad(loss_of, has_aux=True)(params, stats, count)
        params = jax.tree.map(lambda p, g: p - 0.1 * g, params, grads)
        optimizer.zero_grad()
        ours = nn.functional.cross_entropy(net(jtorch.from_numpy(x)), jtorch.from_numpy(LABELS))
        ours.backward()
        optimizer.step()
        np.testing.assert_allclose(ours.item(), loss, rtol=1e-5)
    net.eval()
    expected = module.apply({"params": params, "batch_stats": stats}, x)
    np.testing.assert_allclose(net(jtorch.from_numpy(x)).detach().numpy(), expected, atol=1e-5)
    np.testing.assert_allclose(module.apply(net.to_flax(), x), expected, atol=1e-5)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
        self.norm, self.out = nn.BatchNorm1d(8), nn.Linear(8, 3)

    def forward(self, x):
        return self.out(self.norm(self.layer(x.reshape(-1, 8, 8)).mean(1)))


def test_an_nn_module_trains_under_nnx():
    jtorch.manual_seed(0)
    module = Encoder()
    module.out.bias.requires_grad_(False)
    model = jtorch.flax.NNXModule(module, rngs=nnx.Rngs(0))
    optimizer = nnx.Optimizer(model, optax.adam(1e-2), wrt=nnx.Param)
    losses = [nnx_step(model, optimizer, jnp.asarray(PICTURES), LABELS).item() for _ in range(5)]
    assert losses[-1] < losses[0] - 0.1
    assert module.norm.num_batches_tracked == 0  # the module itself stays unchanged
    state = model.state_dict()
    assert state["norm.num_batches_tracked"].dtype is jtorch.int64
    assert jtorch.equal(state["out.bias"], module.out.bias)
    module.load_state_dict(state)
    assert module.norm.num_batches_tracked == 5
    module.eval()
    model.eval()
    expected = module(jtorch.from_numpy(PICTURES)).detach().numpy()
    np.testing.assert_allclose(model(PICTURES), expected, atol=1e-6)
    model.load_state_dict({name: t * 0 for name, t in state.items()})
    assert not np.any(model(PICTURES))
    with pytest.raises(RuntimeError, match="Missing key"):
        model.load_state_dict({})


def test_sgd_under_nnx_is_sgd_in_the_loop():
    jtorch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    model = jtorch.flax.NNXModule(module)
    nnx_optimizer = nnx.Optimizer(model, optax.sgd(0.1), wrt=nnx.Param)
    optimizer = jtorch.optim.SGD(module.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(module(jtorch.from_numpy(PICTURES)), jtorch.from_numpy(LABELS))
        loss.backward()
        optimizer.step()
        np.testing.assert_allclose(nnx_step(model, nnx_optimizer, PICTURES, LABELS), loss.item(), rtol=1e-5)
    for name, t in model.state_dict().items():
        np.testing.assert_allclose(t.numpy(), module.state_dict()[name].numpy(), atol=1e-6)


def test_what_is_refused():
    with pytest.raises(TypeError, match=r"flax\.nnx or flax\.linen, not Linear"):
        jtorch.flax.Module(nn.Linear(1, 1))
    with pytest.raises(TypeError, match="needs its variables"):
        jtorch.flax.Module(linen.Dense(3))
    with pytest.raises(TypeError, match="itself"):
        jtorch.flax.Module(nnx.Linear(1, 1, rngs=nnx.Rngs(0)), {})
    with pytest.raises(RuntimeError, match=r"given no key: call it with rng="):
        jtorch.flax.NNXModule(nn.Dropout(0.5))(jnp.ones(3))
