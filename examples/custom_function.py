"""An operation with a gradient of one's own: a quantizer that the gradient goes straight through, and a check of it.

python examples/custom_function.py
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
from toy_data import save_figure
from tqdm import trange

import jtorch as torch
import jtorch.nn as nn
import jtorch.nn.functional as F

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=400)
parser.add_argument("--out", type=Path, default=Path(), help="folder for custom_function.png")
args = parser.parse_args()

levels = 4
hidden = 32
learning_rate = 1e-2


class Quantize(torch.autograd.Function):
    """Round to one of `levels` steps in 0..1. The gradient is that of clamp: rounding has none."""

    @staticmethod
    def forward(ctx, x, levels):
        ctx.save_for_backward(x)
        return torch.round(x.clamp(0, 1) * (levels - 1)) / (levels - 1)

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * ((x >= 0) & (x <= 1)), None


class Cube(torch.autograd.Function):
    """x³, with its derivative by hand; both can be differentiated again."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, grad_output):
        (x,) = ctx.saved_tensors
        return grad_output * 3 * x**2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(1, hidden), nn.Linear(hidden, 1)

    def forward(self, x):
        return self.last(Quantize.apply(self.first(x), levels))


torch.manual_seed(0)
x = torch.randn(5, dtype=torch.float64, requires_grad=True)
print("Cube's gradient is right:", torch.autograd.gradcheck(Cube.apply, (x,)))
print("and its gradient's gradient:", torch.autograd.gradgradcheck(Cube.apply, (x,)))
x = torch.tensor([-0.5, 0.2, 0.6, 1.5], requires_grad=True)
y = Quantize.apply(x, levels)
y.sum().backward()
print(y, x.grad)

model = Net()
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
x = torch.linspace(-1, 1, 200).unsqueeze(1)
wanted = torch.sin(4 * x)
losses = []
for _ in trange(args.steps):
    loss = F.mse_loss(model(x), wanted)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print(f"loss {losses[0]:.4f} at first, {losses[-1]:.4f} after {args.steps} steps")

figure, axes = plt.subplots(figsize=(5, 2.6), layout="constrained")
axes.plot(x[:, 0], wanted[:, 0], "k:", label="sin 4x")
axes.plot(x[:, 0], model(x).detach()[:, 0], label=f"{hidden} neurons of {levels} levels")
axes.legend()
args.out.mkdir(parents=True, exist_ok=True)
save_figure(figure, args.out / "custom_function.png")
