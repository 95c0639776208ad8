"""Noise put on points step by step and taken off again: betas and their products, a time embedding, sampling."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

STEPS = 12
torch.manual_seed(0)
betas = torch.linspace(1e-3, 0.3, STEPS)
alphas = 1.0 - betas
products = torch.cumprod(alphas, dim=0)
before = F.pad(products[:-1], (1, 0), value=1.0)
variance = betas * (1.0 - before) / (1.0 - products)
print(products[[0, 5, -1]], variance.sum())


def extract(values, t, shape):
    return values.gather(-1, t).reshape(t.shape[0], *((1,) * (len(shape) - 1)))


class Times(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.width = width

    def forward(self, t):
        half = self.width // 2
        rates = torch.exp(torch.arange(half, device=t.device) * -(math.log(10000) / (half - 1)))
        at = t[:, None] * rates[None, :]
        return torch.cat((at.sin(), at.cos()), dim=-1)


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.times = nn.Sequential(Times(8), nn.Linear(8, 16), nn.SiLU())
        self.first, self.last = nn.Linear(2, 16), nn.Linear(16, 2)
        self.norm = nn.GroupNorm(4, 16)

    def forward(self, x, t):
        h = self.norm(self.first(x) + self.times(t))
        return self.last(F.silu(h))


model = Denoiser()
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(30):
    angle = torch.rand(64) * 2 * math.pi
    start = torch.stack((angle.cos(), angle.sin()), dim=1)
    t = torch.randint(0, STEPS, (64,)).long()
    noise = torch.randn_like(start)
    noisy = extract(products.sqrt(), t, start.shape) * start + extract((1 - products).sqrt(), t, start.shape) * noise
    loss = F.smooth_l1_loss(noise, model(noisy, t))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 10 == 9:
        print(step, f"{loss.item():.4f}")


@torch.no_grad()
def sample(n):
    x = torch.randn(n, 2)
    for i in reversed(range(STEPS)):
        t = torch.full((n,), i, dtype=torch.long)
        mean = (x - extract(betas / (1 - products).sqrt(), t, x.shape) * model(x, t)) / extract(alphas.sqrt(), t, x.shape)
        x = mean if i == 0 else mean + extract(variance.sqrt(), t, x.shape) * torch.randn_like(x)
    return x


made = sample(5)
print(made.shape, f"{made.norm(dim=1).mean().item():.3f}")
