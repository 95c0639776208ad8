"""A generative adversarial network: one network draws digits, another tells them from real ones.

python examples/dcgan.py
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from toy_data import save_picture, tile
from tqdm import trange

import jtorch as torch
import jtorch.nn as nn

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=2000)
parser.add_argument("--device", default="cpu")
parser.add_argument("--out", type=Path, default=Path(), help="folder for dcgan.png")
args = parser.parse_args()

batch_size = 64
noise = 32
width = 32
learning_rate = 1e-3
beta1 = 0.5


def weights_init(module):
    name = module.__class__.__name__
    if name.find("Conv") != -1:
        nn.init.normal_(module.weight.data, 0.0, 0.02)
    elif name.find("BatchNorm") != -1:
        nn.init.normal_(module.weight.data, 1.0, 0.02)
        nn.init.constant_(module.bias.data, 0)


torch.manual_seed(0)
generator = nn.Sequential(
    nn.ConvTranspose2d(noise, 2 * width, 2, 1, 0, bias=False),  # (2 * width, 2, 2)
    nn.BatchNorm2d(2 * width),
    nn.ReLU(True),
    nn.ConvTranspose2d(2 * width, width, 4, 2, 1, bias=False),  # (width, 4, 4)
    nn.BatchNorm2d(width),
    nn.ReLU(True),
    nn.ConvTranspose2d(width, 1, 4, 2, 1, bias=False),  # (1, 8, 8)
    nn.Tanh(),
).to(args.device)
discriminator = nn.Sequential(
    nn.Conv2d(1, width, 4, 2, 1, bias=False),  # (width, 4, 4)
    nn.LeakyReLU(0.2, inplace=True),
    nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False),  # (2 * width, 2, 2)
    nn.BatchNorm2d(2 * width),
    nn.LeakyReLU(0.2, inplace=True),
    nn.Conv2d(2 * width, 1, 2, 1, 0, bias=False),
    nn.Sigmoid(),
).to(args.device)
generator.apply(weights_init)
discriminator.apply(weights_init)

digits = torch.from_numpy(load_digits().images.astype(np.float32) / 8 - 1).unsqueeze(1).to(args.device)
criterion = nn.BCELoss()
fixed_noise = torch.randn(48, noise, 1, 1, device=args.device)
optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=learning_rate, betas=(beta1, 0.999))
optimizer_g = torch.optim.Adam(generator.parameters(), lr=learning_rate, betas=(beta1, 0.999))
real_label = torch.ones(batch_size, device=args.device)
fake_label = torch.zeros(batch_size, device=args.device)

losses = []
for _ in (bar := trange(args.steps)):
    # The discriminator: log(D(x)) + log(1 - D(G(z))) shall be large.
    real = digits[torch.randint(len(digits), (batch_size,))]
    discriminator.zero_grad()
    error_real = criterion(discriminator(real).view(-1), real_label)
    error_real.backward()
    fake = generator(torch.randn(batch_size, noise, 1, 1, device=args.device))
    error_fake = criterion(discriminator(fake.detach()).view(-1), fake_label)
    error_fake.backward()
    optimizer_d.step()

    # The generator: log(D(G(z))) shall be large.
    generator.zero_grad()
    error_g = criterion(discriminator(fake).view(-1), real_label)
    error_g.backward()
    optimizer_g.step()
    losses.append(((error_real + error_fake).item(), error_g.item()))
    bar.set_postfix(d=f"{losses[-1][0]:.3f}", g=f"{losses[-1][1]:.3f}", refresh=False)
for name, first, last in zip(("discriminator", "generator"), losses[0], losses[-1], strict=True):
    print(f"{name}: loss {first:.4f} at first, {last:.4f} after {args.steps} steps")

with torch.no_grad():
    drawn = generator(fixed_noise)[:, 0].cpu().numpy() / 2 + 0.5
args.out.mkdir(parents=True, exist_ok=True)
save_picture(tile(1 - drawn, 12), args.out / "dcgan.png", scale=4)
