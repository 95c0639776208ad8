"""Neural style transfer with LBFGS: the pixels are what is trained, and the features are a random network's.

python examples/neural_style.py
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from toy_data import draw_shape, save_picture, tile
from tqdm import trange

import jtorch as torch
import jtorch.nn as nn
import jtorch.nn.functional as F

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=25, help="steps of LBFGS, each with up to 20 evaluations")
parser.add_argument("--device", default="cpu")
parser.add_argument("--out", type=Path, default=Path(), help="folder for neural_style.png")
args = parser.parse_args()

side = 96
style_weight = 3e6
content_weight = 100.0
channels = (16, 32, 64)


def pictures():
    """What to show (a house) and how (diagonal waves of colour), as tensors (1, 3, side, side)."""
    content = Image.new("RGB", (side, side), (190, 210, 235))
    draw = ImageDraw.Draw(content)
    draw.rectangle((0, 70, side, side), fill=(90, 140, 80))
    draw.rectangle((26, 44, 70, 82), fill=(225, 215, 190))
    draw_shape(draw, "triangle", 48, 32, 26, (150, 60, 50))
    draw.rectangle((42, 60, 54, 82), fill=(90, 60, 40))
    draw_shape(draw, "circle", 80, 16, 9, (250, 220, 90))
    x, y = np.meshgrid(np.arange(side), np.arange(side))
    wave = np.sin((x + y) / 3.0 + 2 * np.sin(x / 11.0)) / 2 + 0.5
    blue, gold = np.array([0.1, 0.2, 0.55]), np.array([0.95, 0.75, 0.25])
    style = blue + wave[..., None] * (gold - blue)
    return [
        torch.from_numpy(np.asarray(p, np.float32) / scale).permute(2, 0, 1).unsqueeze(0).contiguous().to(args.device)
        for p, scale in ((content, 255), (style, 1))
    ]


class Features(nn.Module):
    """Convolutions with random filters: enough to compare textures."""

    def __init__(self):
        super().__init__()
        sizes = (3, *channels)
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 5, padding=2) for a, b in zip(sizes, channels, strict=False))

    def forward(self, x):
        found = []
        for layer in self.layers:
            x = F.relu(layer(x))
            found.append(x)
            x = F.avg_pool2d(x, 2)
        return found


def gram(features):
    _, c, h, w = features.shape
    flat = features.view(c, h * w)
    return flat @ flat.t() / (c * h * w)


torch.manual_seed(0)
features = Features().to(args.device).requires_grad_(False)
content, style = pictures()
wanted_content = features(content)[1]
wanted_style = [gram(f) for f in features(style)]
image = content.clone().requires_grad_(True)
optimizer = torch.optim.LBFGS([image])
losses: list[float] = []


def closure():
    """The loss of the picture as it is, and its gradient."""
    optimizer.zero_grad()
    found = features(image)
    style_loss = sum(F.mse_loss(gram(f), wanted) for f, wanted in zip(found, wanted_style, strict=True))
    outside = (image - image.clamp(0, 1)).pow(2).sum()
    loss = style_weight * style_loss + content_weight * F.mse_loss(found[1], wanted_content) + 0.1 * outside
    loss.backward()
    losses.append(loss.item())
    return loss


for _ in (bar := trange(args.steps)):
    optimizer.step(closure)
    bar.set_postfix(loss=f"{losses[-1]:.4f}", refresh=False)
print(f"loss {losses[0]:.4f} at first, {losses[1]:.4f} after a step")
print("it fell to less than half:", losses[-1] < losses[0] / 2)
args.out.mkdir(parents=True, exist_ok=True)
sheet = torch.cat((content, style, image.detach())).permute(0, 2, 3, 1).cpu().numpy()
save_picture(tile(sheet, 3), args.out / "neural_style.png", scale=2)
