"""Least squares in three ways: the closed form, gradient descent, and LBFGS, also for a curve that is not linear.

python examples/least_squares_lbfgs.py
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
from toy_data import save_figure

import jtorch as torch

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=12, help="steps of LBFGS")
parser.add_argument("--out", type=Path, default=Path(), help="folder for least_squares_lbfgs.png")
args = parser.parse_args()

degree = 5
noise = 0.1

torch.manual_seed(0)
x = torch.linspace(-1, 1, 60, dtype=torch.float64)
y = torch.sin(3 * x) + noise * torch.randn(60, dtype=torch.float64)
A = torch.stack([x**k for k in range(degree + 1)], dim=1)

# The closed form, by a QR decomposition.
exact = torch.linalg.lstsq(A, y.unsqueeze(1)).solution[:, 0]
Q, R = torch.linalg.qr(A)
by_qr = torch.linalg.solve_triangular(R, (Q.t() @ y).unsqueeze(1), upper=True)[:, 0]
print("coefficients:", [round(c, 4) for c in exact.tolist()])
print("QR agrees:", torch.allclose(exact, by_qr))

# The same minimum, found by LBFGS and by gradient descent.
found = torch.zeros(degree + 1, dtype=torch.float64, requires_grad=True)
optimizer = torch.optim.LBFGS([found], history_size=10, line_search_fn="strong_wolfe")
history = []


def closure():
    """The squared error and its gradient."""
    optimizer.zero_grad()
    loss = ((A @ found - y) ** 2).sum()
    loss.backward()
    return loss


for _ in range(args.steps):
    history.append(optimizer.step(closure).item())
descended = torch.zeros(degree + 1, dtype=torch.float64)
rate = 1 / torch.linalg.matrix_norm(A, 2) ** 2
for _ in range(200):
    descended -= rate * (A.t() @ (A @ descended - y))
least = ((A @ exact - y) ** 2).sum().item()
print(f"squared error: {least:.6f} at the minimum, {history[0]:.4f} before LBFGS, {history[-1]:.6f} in its last step")
print(f"200 steps of gradient descent: {((A @ descended - y) ** 2).sum().item():.4f}")

# A curve that is not linear in what is looked for: a · sin(b · x + c).
wave = torch.tensor([0.5, 2.0, 0.5], dtype=torch.float64, requires_grad=True)
optimizer = torch.optim.LBFGS([wave], line_search_fn="strong_wolfe", max_iter=50)


def wave_closure():
    """The same for the wave."""
    optimizer.zero_grad()
    a, b, c = wave
    loss = ((a * torch.sin(b * x + c) - y) ** 2).sum()
    loss.backward()
    return loss


optimizer.step(wave_closure)
a, b, c = wave.tolist()
print(f"{a:.3f} sin({b:.3f} x + {c:.3f}), squared error {wave_closure().item():.4f}")

figure, axes = plt.subplots(figsize=(5, 2.6), layout="constrained")
axes.plot(x, y, "k.", markersize=3)
axes.plot(x, A @ exact, label=f"polynomial of degree {degree}")
axes.plot(x, a * torch.sin(b * x + c).numpy(), "--", label=f"{a:.2f} sin({b:.2f} x + {c:.2f})")
axes.plot(x, A @ descended, ":", label="200 steps of gradient descent")
axes.legend(fontsize=8)
args.out.mkdir(parents=True, exist_ok=True)
save_figure(figure, args.out / "least_squares_lbfgs.png")
