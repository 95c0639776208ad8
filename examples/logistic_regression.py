"""Logistic regression separates two clouds of points, and its boundary moves while it learns.

python examples/logistic_regression.py    # logistic_regression.gif
"""

import argparse
import io
from pathlib import Path

import matplotlib.pyplot as plt
from PIL import Image

import jtorch as torch
import jtorch.nn as nn

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=160)
parser.add_argument("--out", type=Path, default=Path(), help="folder for logistic_regression.gif")
args = parser.parse_args()

samples = 100
mean, bias = 1.7, 1.0
learning_rate = 0.1
frame_every = 8

torch.manual_seed(0)
spread = torch.ones(samples, 2)
x0 = torch.normal(mean * spread, 1) + bias
x1 = torch.normal(-mean * spread, 1) + bias
x = torch.cat((x0, x1), 0)
y = torch.cat((torch.zeros(samples), torch.ones(samples)), 0)


class LogisticRegression(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Linear(2, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        return self.sigmoid(self.features(x)).squeeze(1)


def frame(step, loss, accuracy):
    """The points and the line where the probability is a half, as a picture."""
    w0, w1 = model.features.weight[0].tolist()
    (offset,) = model.features.bias.tolist()
    figure, axes = plt.subplots(figsize=(4, 3.4), layout="constrained")
    axes.scatter(x0[:, 0], x0[:, 1], s=12, c="tab:red", label="class 0")
    axes.scatter(x1[:, 0], x1[:, 1], s=12, c="tab:blue", label="class 1")
    ends = [-5.0, 7.0]
    axes.plot(ends, [(-w0 * e - offset) / w1 for e in ends], "k")
    axes.set(xlim=(-5, 7), ylim=(-5, 7), title=f"step {step}: loss {loss:.3f}, accuracy {accuracy:.0%}")
    axes.legend(loc="upper left")
    data = io.BytesIO()
    figure.savefig(data, dpi=64)
    plt.close(figure)
    return Image.open(data).convert("P", palette=Image.Palette.ADAPTIVE, colors=16)


model = LogisticRegression()
loss_of = nn.BCELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.9)
frames, losses = [], []
for step in range(args.steps):
    probability = model(x)
    loss = loss_of(probability, y)
    if step % frame_every == 0:
        frames.append(frame(step, loss.item(), ((probability > 0.5) == y).float().mean().item()))
    losses.append(loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

print(f"loss {losses[0]:.4f} at first, {losses[-1]:.4f} after {args.steps} steps")
print(f"accuracy {((model(x) > 0.5) == y).float().mean().item():.4f}")
args.out.mkdir(parents=True, exist_ok=True)
frames[0].save(args.out / "logistic_regression.gif", save_all=True, append_images=frames[1:], duration=120, loop=0)
