"""Gradients of gradients: a critic with a gradient penalty, a few steps of MAML, a Hessian, functional calls."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.func import functional_call, grad, vmap

torch.manual_seed(0)
critic = nn.Sequential(nn.Linear(2, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
generator = nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.Linear(16, 2))
opt_c = torch.optim.Adam(critic.parameters(), lr=1e-2, betas=(0.0, 0.9))
opt_g = torch.optim.Adam(generator.parameters(), lr=1e-2, betas=(0.0, 0.9))
real = torch.randn(32, 2) * 0.2 + torch.tensor([1.0, -1.0])


def penalty(real, fake):
    alpha = torch.rand(real.size(0), 1)
    mixed = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
    scores = critic(mixed)
    gradients = torch.autograd.grad(
        outputs=scores, inputs=mixed, grad_outputs=torch.ones_like(scores), create_graph=True, retain_graph=True
    )[0]
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean()


for step in range(8):
    for _ in range(2):
        fake = generator(torch.randn(32, 3)).detach()
        loss_c = critic(fake).mean() - critic(real).mean() + 10 * penalty(real, fake)
        opt_c.zero_grad()
        loss_c.backward()
        opt_c.step()
    loss_g = -critic(generator(torch.randn(32, 3))).mean()
    opt_g.zero_grad()
    loss_g.backward()
    opt_g.step()
    if step % 4 == 3:
        print(step, f"{loss_c.item():.4f} {loss_g.item():.4f}")

model = nn.Sequential(nn.Linear(1, 12), nn.Tanh(), nn.Linear(12, 1))
meta = torch.optim.Adam(model.parameters(), lr=1e-2)
for step in range(4):
    meta.zero_grad()
    total = 0.0
    for phase in (0.0, 0.5):
        x = torch.linspace(-2, 2, 10).unsqueeze(1)
        y = torch.sin(x + phase)
        weights = dict(model.named_parameters())
        inner = F.mse_loss(functional_call(model, weights, (x,)), y)
        grads = torch.autograd.grad(inner, list(weights.values()), create_graph=True)
        fast = {name: w - 0.1 * g for (name, w), g in zip(weights.items(), grads)}
        outer = F.mse_loss(functional_call(model, fast, (x,)), y)
        outer.backward()
        total += outer.item()
    meta.step()
    print(step, f"{total:.4f}")

x, y = torch.randn(5, 1), torch.randn(5, 1)
weights = {k: v.detach() for k, v in model.named_parameters()}
per_sample = vmap(grad(lambda w, a, b: F.mse_loss(functional_call(model, w, (a,)), b)), (None, 0, 0))(weights, x, y)
print({k: tuple(v.shape) for k, v in per_sample.items()}, f"{per_sample['0.weight'].norm().item():.4f}")
point = torch.tensor([1.0, 2.0], requires_grad=True)
rosenbrock = lambda p: (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
print(torch.autograd.functional.hessian(rosenbrock, point))
first = torch.autograd.grad(rosenbrock(point), point, create_graph=True)[0]
print(first, torch.autograd.grad(first.sum(), point)[0])
