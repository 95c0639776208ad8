"""Trained here, served from StableHLO: a module becomes a pure JAX function, and a file that JAX runs without jtorch.

python examples/to_pure_jax.py    # needs the extra `export`
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import jax
import numpy as np
from sklearn.datasets import load_digits
from tqdm import trange

import jtorch as torch
import jtorch.nn as nn
import jtorch.nn.functional as F

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=300)
args = parser.parse_args()

batch_size = 64
learning_rate = 2e-3

# Train in a PyTorch loop.
digits = load_digits()
x = torch.from_numpy(digits.data.astype(np.float32) / 16)
y = torch.from_numpy(digits.target.astype(np.int64))
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10))
optimizer = torch.optim.Adam(net.parameters(), lr=learning_rate)
losses = []
for _ in trange(args.steps):
    chosen = torch.randint(1500, (batch_size,))
    loss = F.cross_entropy(net(x[chosen]), y[chosen])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"loss {losses[0]:.4f} at first, {losses[-1]:.4f} after {args.steps} steps")
net.eval()
images = x[1500:1516]
expected = net(images).detach().numpy()

# A pure function of its parameters: all of JAX applies.
pure, parameters = torch.func.functionalize(net)
array = images.numpy()
print("jax.jit gives the same:", np.allclose(jax.jit(pure)(parameters, array), expected, atol=1e-5))
slopes = jax.jit(jax.vmap(jax.grad(lambda image: pure(parameters, image[None])[0].max())))(array)
print("jax.vmap of jax.grad: how each pixel moves the answer,", slopes.shape)

# With buffers and a key, it also trains in JAX.
net.train()
pure, parameters, buffers = torch.func.functionalize(net, buffers=True)


@jax.jit
def step(parameters, buffers, key, x, y):
    """Gradient descent by hand; dropout draws from the key."""

    def loss_of(parameters):
        scores, after = pure(parameters, buffers, x, rng=key)
        return -jax.numpy.take_along_axis(jax.nn.log_softmax(scores), y[:, None], 1).mean(), after

    (loss, buffers), grads = jax.value_and_grad(loss_of, has_aux=True)(parameters)
    return jax.tree.map(lambda p, g: p - 0.05 * g, parameters, grads), buffers, loss


labels = y[:64].numpy()
for i in range(3):
    parameters, buffers, loss = step(parameters, buffers, jax.random.key(i), x[:64].numpy(), labels)
print("three steps more in JAX; batches seen:", buffers["1.num_batches_tracked"])

# A file with the program and its weights, and a process that knows nothing of jtorch.
net.eval()
server = """
import sys, numpy as np
from jax import export
program = export.deserialize(bytearray(open("digits.stablehlo", "rb").read()))
np.save("answers.npy", program.call(np.load("images.npy")))
print("served by JAX", "and jtorch" if "jtorch" in sys.modules else "alone")
"""
with tempfile.TemporaryDirectory() as folder:
    torch.export.save(torch.export.export(net, (images,)), Path(folder, "digits.stablehlo"))
    np.save(Path(folder, "images.npy"), images.numpy())
    done = subprocess.run([sys.executable, "-c", server], cwd=folder, check=True, capture_output=True, text=True)
    print(done.stdout.strip())
    print("the same answers:", np.allclose(np.load(Path(folder, "answers.npy")), expected, atol=1e-5))
