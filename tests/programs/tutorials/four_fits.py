"""A sine fitted by a cubic: NumPy, tensors, autograd, a Function of one's own, nn, optim, a Module."""

import math
import random

import numpy as np
import torch

x = np.linspace(-math.pi, math.pi, 200)
y = np.sin(x)
np.random.seed(0)
a, b = np.random.randn(2)
for _ in range(20):
    grad = 2.0 * (a + b * x - y)
    a, b = a - 1e-4 * grad.sum(), b - 1e-4 * (grad * x).sum()
print(f"{a:.4f} {b:.4f}")

torch.manual_seed(0)
x = torch.linspace(-math.pi, math.pi, 200)
y = torch.sin(x)
weights = [torch.randn((), requires_grad=True) for _ in range(4)]
for t in range(40):
    loss = (weights[0] + weights[1] * x + weights[2] * x**2 + weights[3] * x**3 - y).pow(2).sum()
    loss.backward()
    with torch.no_grad():
        for w in weights:
            w -= 1e-6 * w.grad
            w.grad = None
    if t % 20 == 19:
        print(t, f"{loss.item():.1f}")


class Legendre(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return 0.5 * (5 * input**3 - 3 * input)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * input**2 - 1)


c, d = torch.full((), -1.0, requires_grad=True), torch.full((), 0.3, requires_grad=True)
for t in range(40):
    loss = (c * Legendre.apply(0.5 + d * x) - y).pow(2).sum()
    loss.backward()
    with torch.no_grad():
        for w in (c, d):
            w -= 5e-6 * w.grad
            w.grad = None
print(f"{loss.item():.3f} {c.item():.4f} {d.item():.4f}")

xx = x.unsqueeze(-1).pow(torch.tensor([1, 2, 3]))
model = torch.nn.Sequential(torch.nn.Linear(3, 1), torch.nn.Flatten(0, 1))
criterion = torch.nn.MSELoss(reduction="sum")
optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3)
for t in range(40):
    loss = criterion(model(xx), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
linear = model[0]
print(f"{loss.item():.3f} y = {linear.bias.item():.4f} + {linear.weight[:, 0].item():.4f} x + {linear.weight[:, 2].item():.4f} x^3")


class Dynamic(torch.nn.Module):
    """As many orders as the moment chooses, all with one weight."""

    def __init__(self):
        super().__init__()
        self.a = torch.nn.Parameter(torch.randn(()))
        self.e = torch.nn.Parameter(torch.randn(()))

    def forward(self, x):
        y = self.a * x
        for power in range(4, random.randint(4, 6)):
            y = y + self.e * x**power
        return y

    def string(self):
        return f"y = {self.a.item():.3f} x + {self.e.item():.3f} x^4 ? + {self.e.item():.3f} x^5 ?"


random.seed(0)
model = Dynamic()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-8, momentum=0.9)
for _ in range(40):
    loss = criterion(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"{loss.item():.1f}", model.string())
