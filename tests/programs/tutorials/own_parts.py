"""An optimizer, a schedule and a layer of one's own; pruning, weight norm, a parametrization; metrics by hand."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.nn.utils.prune as prune
from torch.nn.parameter import Parameter
from torch.nn.utils import parametrize
from torch.optim.lr_scheduler import LRScheduler
from torch.optim.optimizer import Optimizer


class Lion(Optimizer):
    def __init__(self, params, lr=1e-3, betas=(0.9, 0.99), weight_decay=0.0):
        super().__init__(params, dict(lr=lr, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if len(state) == 0:
                    state["exp_avg"] = torch.zeros_like(p)
                p.data.mul_(1 - group["lr"] * group["weight_decay"])
                b1, b2 = group["betas"]
                update = state["exp_avg"].clone().mul_(b1).add(p.grad, alpha=1 - b1).sign_()
                p.add_(update, alpha=-group["lr"])
                state["exp_avg"].mul_(b2).add_(p.grad, alpha=1 - b2)
        return loss


class Warm(LRScheduler):
    def __init__(self, optimizer, steps, last_epoch=-1):
        self.steps = steps
        super().__init__(optimizer, last_epoch)

    def get_lr(self):
        return [base * min(1.0, (self.last_epoch + 1) / self.steps) for base in self.base_lrs]


class Noisy(nn.Module):
    __constants__ = ["inside"]

    def __init__(self, inside, outside):
        super().__init__()
        self.inside = inside
        self.mu = Parameter(torch.empty(outside, inside))
        self.sigma = Parameter(torch.full((outside, inside), 0.02))
        self.register_parameter("bias", None)
        self.register_buffer("noise", torch.zeros(outside, inside), persistent=False)
        nn.init.kaiming_uniform_(self.mu, a=math.sqrt(5))

    def forward(self, x):
        if self.training:
            self.noise.normal_()
        return F.linear(x, self.mu + self.sigma * self.noise, self.bias)

    def extra_repr(self):
        return f"inside={self.inside}"


torch.manual_seed(0)
model = nn.Sequential(Noisy(6, 12), nn.PReLU(), nn.utils.parametrizations.weight_norm(nn.Linear(12, 3)))
print(model)
print(list(model.state_dict()))
optimizer = Lion(model.parameters(), lr=0.01, weight_decay=0.01)
schedule = Warm(optimizer, 5)
x, y = torch.randn(48, 6), torch.randint(3, (48,))
for step in range(16):
    optimizer.zero_grad()
    loss = F.multi_margin_loss(model(x), y)
    loss.backward()
    optimizer.step()
    schedule.step()
    if step % 8 == 7:
        print(step, f"{loss.item():.4f} {schedule.get_last_lr()[0]:.4f}")
print(optimizer)

model.eval()
predicted = model(x).argmax(1)
confusion = torch.zeros(3, 3, dtype=torch.int64)
for t, p in zip(y, predicted):
    confusion[t, p] += 1
print(confusion.sum().item(), torch.equal(confusion.sum(1), torch.bincount(y, minlength=3)))
truth = (y.unsqueeze(1) == model(x).topk(2, dim=1).indices).any(1).float().mean()
print(truth.item() >= (predicted == y).float().mean().item())

layer = nn.Linear(8, 4)
prune.l1_unstructured(layer, name="weight", amount=0.25)
print(sorted(dict(layer.named_parameters())), sorted(dict(layer.named_buffers())), int((layer.weight == 0).sum()))
prune.remove(layer, "weight")
print(sorted(dict(layer.named_parameters())))


class Symmetric(nn.Module):
    def forward(self, X):
        return X.triu() + X.triu(1).transpose(-1, -2)


square = nn.Linear(3, 3)
parametrize.register_parametrization(square, "weight", Symmetric())
print(torch.equal(square.weight, square.weight.T), square)
