"""A variational autoencoder learns handwritten digits, and draws new ones.

python examples/vae.py
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from toy_data import save_picture, tile
from tqdm import trange

import jtorch as torch
import jtorch.nn as nn
import jtorch.nn.functional as F

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=3000)
parser.add_argument("--device", default="cpu")
parser.add_argument("--out", type=Path, default=Path(), help="folder for vae.png")
args = parser.parse_args()

batch_size = 128
latent = 4
hidden = 128
learning_rate = 1e-3


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, 2 * latent))
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, 64))

    def forward(self, x):
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        z = mean + torch.randn_like(mean) * torch.exp(log_variance / 2)
        return self.decoder(z), mean, log_variance


torch.manual_seed(0)
digits = torch.from_numpy(load_digits().data.astype(np.float32) / 16).to(args.device)
model = VAE().to(args.device)
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
losses = []
for _ in (bar := trange(args.steps)):
    x = digits[torch.randint(len(digits), (batch_size,))]
    logits, mean, log_variance = model(x)
    likeness = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    divergence = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
    loss = (likeness + divergence) / batch_size
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
    bar.set_postfix(loss=f"{losses[-1]:.2f}", refresh=False)
print(f"loss {losses[0]:.4f} at first, {losses[-1]:.4f} after {args.steps} steps")

with torch.no_grad():
    again = model(digits[:12])[0].sigmoid()
    new = model.decoder(torch.randn(24, latent, device=args.device)).sigmoid()
args.out.mkdir(parents=True, exist_ok=True)
sheet = torch.cat([digits[:12], again, new]).view(-1, 8, 8).cpu().numpy()
save_picture(tile(1 - sheet, 12), args.out / "vae.png", scale=4)
print("vae.png: digits, what is left of them after 4 numbers, and new ones")
