"""A flax module inside a PyTorch loop, and a PyTorch module under flax's own optimizer. Needs the extra `flax`.

python examples/flax_in_the_loop.py
"""

import argparse

import jax
import numpy as np
import optax
from flax import nnx
from sklearn.datasets import load_digits
from tqdm import trange

import jtorch as torch
import jtorch.flax
import jtorch.nn as nn
import jtorch.nn.functional as F

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=200)
args = parser.parse_args()

batch_size = 64
learning_rate = 2e-3

digits = load_digits()
pictures = digits.images.astype(np.float32)[..., None] / 16  # flax wants channels last
labels = digits.target.astype(np.int64)


class Features(nnx.Module):
    """Convolutions with batch normalization and dropout, in flax."""

    def __init__(self, rngs):
        self.conv = nnx.Conv(1, 16, (3, 3), rngs=rngs)
        self.norm = nnx.BatchNorm(16, rngs=rngs)
        self.dropout = nnx.Dropout(0.2, rngs=rngs)

    def __call__(self, x):
        x = nnx.relu(self.norm(self.conv(x)))
        x = nnx.avg_pool(x, (2, 2), strides=(2, 2))
        return self.dropout(x.reshape(x.shape[0], -1))


print("-- a flax module in a PyTorch loop")
torch.manual_seed(0)
net = nn.Sequential(jtorch.flax.Module(Features(nnx.Rngs(0))), nn.Linear(256, 10))
print(*[f"{name} {tuple(tensor.shape)}" for name, tensor in net.state_dict().items()], sep="\n")
x, y = torch.from_numpy(pictures), torch.from_numpy(labels)
optimizer = torch.optim.Adam(net.parameters(), lr=learning_rate)
losses = []
for _ in trange(args.steps):
    chosen = torch.randint(1500, (batch_size,))
    loss = F.cross_entropy(net(x[chosen]), y[chosen])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
net.eval()
with torch.no_grad():
    right = (net(x[1500:]).argmax(1) == y[1500:]).float().mean().item()
print(f"loss {losses[0]:.4f} at first, {losses[-1]:.4f} after {args.steps} steps, accuracy {right:.3f}")
features = net[0].to_flax()  # an NNX module again, with what was learned
features.eval()
print("the same features in flax:", np.allclose(features(pictures[:9]), net[0](x[:9]).detach().numpy(), atol=1e-5))

print("-- a PyTorch module under nnx.Optimizer")
torch.manual_seed(0)
module = nn.Sequential(
    nn.Flatten(), nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10)
)
model = jtorch.flax.NNXModule(module, rngs=nnx.Rngs(0))
optimizer = nnx.Optimizer(model, optax.adam(learning_rate), wrt=nnx.Param)


@nnx.jit
def step(model, optimizer, x, y):
    """One step in flax's way."""

    def loss_of(model):
        return optax.softmax_cross_entropy_with_integer_labels(model(x), y).mean()

    loss, grads = nnx.value_and_grad(loss_of)(model)
    optimizer.update(model, grads)
    return loss


random, losses = np.random.default_rng(0), []
for _ in trange(args.steps):
    rows = random.integers(1500, size=batch_size)
    losses.append(float(step(model, optimizer, pictures[rows], labels[rows])))
model.eval()
right = (jax.numpy.argmax(model(pictures[1500:]), 1) == labels[1500:]).mean()
print(f"loss {losses[0]:.4f} at first, {losses[-1]:.4f} after {args.steps} steps, accuracy {right:.3f}")
module.load_state_dict(model.state_dict())  # a PyTorch state_dict, for torch.save and PyTorch itself
print("batches seen, in PyTorch's buffer:", module[2].num_batches_tracked.item())
