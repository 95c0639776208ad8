"""Any optax transformation in a PyTorch loop: clipping, a schedule with warm-up, Lion and AdaBelief.

    python examples/optax_in_the_loop.py

`torch.optim.Optax` is jtorch's own; all else in this file is PyTorch.
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import optax
from sklearn.datasets import load_digits
from toy_data import save_figure
from tqdm import trange

import jtorch as torch
import jtorch.nn as nn
import jtorch.nn.functional as F

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=300)
parser.add_argument("--out", type=Path, default=Path(), help="folder for optax_in_the_loop.png")
args = parser.parse_args()

batch_size = 64
peak = 3e-3

digits = load_digits()
x = torch.from_numpy(digits.data.astype(np.float32) / 16)
y = torch.from_numpy(digits.target.astype(np.int64))
schedule = optax.warmup_cosine_decay_schedule(0.0, peak, max(1, args.steps // 10), args.steps)
makers = {
    "torch.optim.Adam": lambda parameters: torch.optim.Adam(parameters, lr=peak),
    "optax.adam": lambda parameters: torch.optim.Optax(parameters, optax.adam(peak)),
    "clipping, warm-up, Lion": lambda parameters: torch.optim.Optax(
        parameters, optax.chain(optax.clip_by_global_norm(1.0), optax.lion(lambda step: schedule(step) / 3))
    ),
    "AdaBelief with warm-up": lambda parameters: torch.optim.Optax(parameters, optax.adabelief(schedule)),
}


def train(make):
    """The losses of a small network under an optimizer, and its accuracy on unseen digits."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = make(net.parameters())
    losses = []
    for _ in trange(args.steps):
        chosen = torch.randint(1500, (batch_size,))
        loss = F.cross_entropy(net(x[chosen]), y[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.no_grad():
        return losses, (net(x[1500:]).argmax(1) == y[1500:]).float().mean().item()


figure, axes = plt.subplots(figsize=(5, 2.8), layout="constrained")
for name, make in makers.items():
    losses, right = train(make)
    print(f"{name}: loss {losses[0]:.4f} at first, {losses[-1]:.4f} after {args.steps} steps, accuracy {right:.3f}")
    axes.plot(losses, linewidth=0.8, label=name)
axes.set(xlabel="step", ylabel="loss", yscale="log")
axes.legend(fontsize=8)
args.out.mkdir(parents=True, exist_ok=True)
save_figure(figure, args.out / "optax_in_the_loop.png")
