"""A network that was trained on ten shapes is loaded from a .pth file and learns two new classes from 80 pictures.

python examples/fine_tuning.py
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
from toy_data import save_figure, shapes
from tqdm import trange

import jtorch as torch
import jtorch.nn as nn
import jtorch.nn.functional as F

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=300)
parser.add_argument("--device", default="cpu")
parser.add_argument("--out", type=Path, default=Path(), help="folder for pretrained.pth and fine_tuning.png")
args = parser.parse_args()

batch_size = 32
pretrain_rate = 2e-3
head_rate, body_rate = 1e-2, 2e-4
tune_steps = max(1, args.steps // 4)


def network(classes):
    body = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.AdaptiveAvgPool2d(4), nn.Flatten(),
    )  # fmt: skip
    return nn.ModuleDict({"body": body, "head": nn.Linear(512, classes)}).to(args.device)


def scores(model, x):
    return model["head"](model["body"](x))


def train(model, optimizer, x, y, steps, title):
    """Train for some steps; the loss of each."""
    losses = []
    for _ in trange(steps, desc=title):
        chosen = torch.randint(len(x), (batch_size,))
        loss = F.cross_entropy(scores(model, x[chosen]), y[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def accuracy(model, x, y):
    model.eval()
    with torch.no_grad():
        right = (scores(model, x).argmax(1) == y).float().mean().item()
    model.train()
    return right


def data(n, seed, classes):
    x, y, _ = shapes(n, classes=classes, seed=seed)
    return torch.from_numpy(x).to(args.device), torch.from_numpy(y).to(args.device)


torch.manual_seed(0)
model = network(10)
x, y = data(2000, 0, 10)
optimizer = torch.optim.Adam(model.parameters(), lr=pretrain_rate)
losses = train(model, optimizer, x, y, args.steps, "ten shapes")
print(f"ten shapes: loss {losses[0]:.4f} at first, {losses[-1]:.4f} after {args.steps} steps")
args.out.mkdir(parents=True, exist_ok=True)
torch.save(model.state_dict(), args.out / "pretrained.pth")

# The new task: is the shape closed (circle, square, triangle, ring, diamond) or not?
closed = torch.tensor([1, 1, 1, 0, 1, 1, 0, 0, 0, 0], device=args.device)
few, test = data(80, 5, 10), data(500, 6, 10)
few_y, test_y = closed[few[1]], closed[test[1]]

fresh, tuned = network(2), network(2)
state = torch.load(args.out / "pretrained.pth", weights_only=True)
state = {name: tensor for name, tensor in state.items() if not name.startswith("head.")}
missing = tuned.load_state_dict(state, strict=False)
print("not in the file:", missing.missing_keys)
optimizer = torch.optim.Adam(
    [
        {"params": tuned["head"].parameters(), "lr": head_rate},
        {"params": tuned["body"].parameters(), "lr": body_rate},
    ]
)
curves = {"from the file": train(tuned, optimizer, few[0], few_y, tune_steps, "fine-tuning")}
optimizer = torch.optim.Adam(fresh.parameters(), lr=pretrain_rate)
curves["from nothing"] = train(fresh, optimizer, few[0], few_y, tune_steps, "from nothing")
for (name, curve), net in zip(curves.items(), (tuned, fresh), strict=True):
    right = accuracy(net, test[0], test_y)
    print(f"{name}: loss {curve[0]:.4f} at first, accuracy on 500 unseen pictures {right:.3f}")

figure, axes = plt.subplots(figsize=(5, 2.6), layout="constrained")
for name, curve in curves.items():
    axes.plot(curve, label=name)
axes.set(xlabel="step", ylabel="loss", yscale="log")
axes.legend()
save_figure(figure, args.out / "fine_tuning.png")
