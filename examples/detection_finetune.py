"""A classifier's body is fine-tuned to find boxes: one cell of a grid says whether, what and where.

python examples/detection_finetune.py
"""

import argparse
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle
from toy_data import SHAPES, save_figure, shapes
from tqdm import trange

import jtorch as torch
import jtorch.nn as nn
import jtorch.nn.functional as F

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=400)
parser.add_argument("--device", default="cpu")
parser.add_argument("--out", type=Path, default=Path(), help="folder for detection_finetune.png")
args = parser.parse_args()

batch_size = 32
classes = 4
side, grid = 64, 8
learning_rate = 2e-3
box_weight = 2.0


def scenes(n, seed):
    """Pictures (n, 3, 64, 64) with a shape in some of four quarters; what each cell of the grid has to say of them."""
    parts, labels, boxes = (a.reshape(n, 4, *a.shape[1:]) for a in shapes(4 * n, side // 2, classes, seed))
    there = np.random.default_rng(seed).random((n, 4)) < 0.6
    parts = np.where(there[..., None, None, None], parts, parts.mean((-1, -2), keepdims=True) * 0.5)
    pictures = np.concatenate(
        [np.concatenate([parts[:, 0], parts[:, 1]], -1), np.concatenate([parts[:, 2], parts[:, 3]], -1)], -2
    )
    corner = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * side // 2
    boxes = boxes + np.tile(corner, 2)  # (n, 4, 4): x0, y0, x1, y1
    cell = ((boxes[..., :2] + boxes[..., 2:]) / 2 / (side / grid)).astype(int)
    index = cell[..., 1] * grid + cell[..., 0]  # which cell has the middle of the box
    target = np.zeros((n, grid * grid), np.int64)  # 0: nothing; else 1 + the class
    where = np.zeros((n, grid * grid, 4), np.float32)
    rows, quarters = np.nonzero(there)
    target[rows, index[rows, quarters]] = labels[rows, quarters] + 1
    where[rows, index[rows, quarters]] = boxes[rows, quarters] / side
    return [torch.from_numpy(a.astype(t)).to(args.device) for a, t in ((pictures, "f4"), (target, "i8"), (where, "f4"))]


def body():
    sizes, layers = (3, 16, 32, 64), []
    for a, b in pairwise(sizes):
        layers += [nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers)


class Detector(nn.Module):
    def __init__(self, body):
        super().__init__()
        self.body = body
        self.neck = nn.Sequential(nn.Conv2d(64, 64, 3, padding=1), nn.ReLU())
        self.kind, self.box = nn.Conv2d(64, classes + 1, 1), nn.Conv2d(64, 4, 1)

    def forward(self, x):
        """Scores (n, 64, 1 + classes) and boxes (n, 64, 4) in 0..1 of all cells."""
        x = self.neck(self.body(x))
        where, size = self.box(x).sigmoid().flatten(2).transpose(1, 2).chunk(2, dim=2)
        cells = torch.arange(grid * grid, device=x.device)
        middle = (torch.stack((cells % grid, cells // grid), dim=1) + where) / grid
        return self.kind(x).flatten(2).transpose(1, 2), torch.cat((middle - size / 4, middle + size / 4), dim=2)


def overlap(a, b):
    """Intersection over union of boxes (n, 4), pair by pair."""
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    common = (high - low).clamp(min=0).prod(1)
    return common / ((a[:, 2:] - a[:, :2]).prod(1) + (b[:, 2:] - b[:, :2]).prod(1) - common)


torch.manual_seed(0)
# The body learns to classify single shapes first.
x, y, _ = (torch.from_numpy(a).to(args.device) for a in shapes(2000, side // 2, classes))
classifier = nn.Sequential(body(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, classes)).to(args.device)
optimizer = torch.optim.Adam(classifier.parameters(), lr=learning_rate)
for _ in trange(args.steps // 2, desc="classify"):
    chosen = torch.randint(len(x), (batch_size,))
    loss = F.cross_entropy(classifier(x[chosen]), y[chosen])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

detector = Detector(classifier[0]).to(args.device)
optimizer = torch.optim.Adam(detector.parameters(), lr=learning_rate)
pictures, targets, boxes = scenes(600, seed=1)
losses = []
for _ in (bar := trange(args.steps, desc="detect")):
    chosen = torch.randint(len(pictures), (batch_size,))
    scores, found = detector(pictures[chosen])
    target, wanted = targets[chosen], boxes[chosen]
    there = (target > 0).unsqueeze(2)
    box_loss = (F.smooth_l1_loss(found, wanted, reduction="none", beta=0.1) * there).sum() / there.sum()
    loss = F.cross_entropy(scores.flatten(0, 1), target.flatten()) + box_weight * box_loss
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    bar.set_postfix(loss=f"{losses[-1]:.4f}", refresh=False)
print(f"loss {losses[0]:.4f} at first, {losses[-1]:.4f} after {args.steps} steps")

detector.eval()
pictures, targets, boxes = scenes(60, seed=2)
with torch.no_grad():
    scores, found = detector(pictures)
answers, there = scores.argmax(2), targets > 0
print(f"{(answers[there] == targets[there]).float().mean().item():.2f} of the shapes found and named")
print(f"{overlap(found[there], boxes[there]).mean().item():.2f} overlap of their boxes")
figure, row = plt.subplots(1, 4, figsize=(8, 2.2), layout="constrained")
for i, axes in enumerate(row):
    axes.imshow(pictures[i].permute(1, 2, 0).cpu().numpy())
    for cell in answers[i].nonzero()[:, 0].tolist():
        x0, y0, x1, y1 = (found[i, cell] * side).tolist()
        axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fill=False, color="yellow"))
        axes.text(x0, y0 - 1, SHAPES[answers[i, cell].item() - 1], color="yellow", fontsize=7)
    axes.axis("off")
args.out.mkdir(parents=True, exist_ok=True)
save_figure(figure, args.out / "detection_finetune.png")
