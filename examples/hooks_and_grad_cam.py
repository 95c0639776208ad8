"""Grad-CAM: hooks take a layer's output and its gradient, which show where a network looks.

python examples/hooks_and_grad_cam.py
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
from toy_data import SHAPES, save_figure, shapes
from tqdm import trange

import jtorch as torch
import jtorch.nn as nn
import jtorch.nn.functional as F

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=400)
parser.add_argument("--device", default="cpu")
parser.add_argument("--out", type=Path, default=Path(), help="folder for hooks_and_grad_cam.png")
args = parser.parse_args()

batch_size = 32
learning_rate = 2e-3
side = 48

torch.manual_seed(0)
model = nn.Sequential(
    nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU(),
    nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(64, 10),
).to(args.device)  # fmt: skip
pictures, labels, _ = shapes(2000, side=side)
pictures, labels = torch.from_numpy(pictures).to(args.device), torch.from_numpy(labels).to(args.device)

# A forward hook on every layer counts what is dark: neurons that answer with zero.
dark = {}
hooks = [
    layer.register_forward_hook(lambda module, inputs, output, i=i: dark.update({i: (output == 0).float().mean()}))
    for i, layer in enumerate(model)
    if isinstance(layer, nn.ReLU)
]
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
losses = []
for _ in (bar := trange(args.steps)):
    chosen = torch.randint(len(pictures), (batch_size,))
    loss = F.cross_entropy(model(pictures[chosen]), labels[chosen])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    bar.set_postfix(loss=f"{losses[-1]:.4f}", refresh=False)
print(f"loss {losses[0]:.4f} at first, {losses[-1]:.4f} after {args.steps} steps")
print("dark neurons:", {i: round(share.item(), 3) for i, share in dark.items()})
for hook in hooks:
    hook.remove()


class GradCAM:
    """The output of a layer, weighted by the gradient of the chosen class."""

    def __init__(self, layer):
        self.hooks = [
            layer.register_forward_hook(self.keep_output),
            layer.register_full_backward_hook(self.keep_gradient),
        ]

    def keep_output(self, module, inputs, output):
        self.output = output.detach()

    def keep_gradient(self, module, grad_input, grad_output):
        self.gradient = grad_output[0].detach()

    def __call__(self, x):
        scores = model(x)
        model.zero_grad()
        scores.max(1).values.sum().backward()
        weights = self.gradient.mean((2, 3), keepdim=True)
        map = F.relu((weights * self.output).sum(1, keepdim=True))
        map = F.interpolate(map, size=x.shape[-2:], mode="bilinear", align_corners=False)
        return scores.argmax(1), (map / (map.amax((2, 3), keepdim=True) + 1e-8)).squeeze(1)


model.eval()
tests, test_labels, boxes = shapes(8, side=side, seed=3)
answers, maps = GradCAM(model[9])(torch.from_numpy(tests).to(args.device))
brightest = maps.flatten(1).argmax(1).tolist()
inside = sum(
    x0 <= i % side <= x1 and y0 <= i // side <= y1 for i, (x0, y0, x1, y1) in zip(brightest, boxes, strict=True)
)
print(f"{(answers.cpu().numpy() == test_labels).sum()} of 8 are right, and it looks at the shape in {inside}")
figure, rows = plt.subplots(2, 8, figsize=(8, 2.3), layout="constrained")
for i in range(8):
    rows[0, i].imshow(tests[i].transpose(1, 2, 0))
    rows[0, i].set_title(SHAPES[answers[i].item()], fontsize=9)
    rows[1, i].imshow(tests[i].transpose(1, 2, 0).mean(2), cmap="gray")
    rows[1, i].imshow(maps[i].cpu().numpy(), cmap="jet", alpha=0.5)
    rows[0, i].axis("off"), rows[1, i].axis("off")
args.out.mkdir(parents=True, exist_ok=True)
save_figure(figure, args.out / "hooks_and_grad_cam.png", dpi=64)
