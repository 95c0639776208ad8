"""REINFORCE with a baseline, then an actor-critic with a Gaussian policy: distributions, log_prob, entropy."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Categorical, Normal

torch.manual_seed(543)


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(2, 16)
        self.dropout = nn.Dropout(p=0.2)
        self.affine2 = nn.Linear(16, 2)
        self.saved, self.rewards = [], []

    def forward(self, x):
        return F.softmax(self.affine2(F.relu(self.dropout(self.affine1(x)))), dim=1)


policy = Policy()
optimizer = torch.optim.Adam(policy.parameters(), lr=2e-2)
eps = torch.finfo(torch.float32).eps


def episode(length):
    place = 0.5
    for _ in range(length):
        state = torch.tensor([[place, 1.0]])
        m = Categorical(policy(state))
        action = m.sample()
        policy.saved.append(m.log_prob(action))
        place += 0.1 if action.item() == 1 else -0.1
        policy.rewards.append(-abs(place - 1.0))


def finish():
    R, returns = 0, []
    for r in policy.rewards[::-1]:
        R = r + 0.9 * R
        returns.insert(0, R)
    returns = torch.tensor(returns)
    returns = (returns - returns.mean()) / (returns.std() + eps)
    losses = [-log_prob * R for log_prob, R in zip(policy.saved, returns)]
    optimizer.zero_grad()
    loss = torch.cat(losses).sum()
    loss.backward()
    optimizer.step()
    total = sum(policy.rewards)
    del policy.rewards[:], policy.saved[:]
    return loss.item(), total


for i in range(12):
    episode(8)
    loss, total = finish()
    if i % 4 == 3:
        print(i, f"{loss:.4f} {total:.3f}")

actor, critic = nn.Linear(2, 1), nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
log_std = nn.Parameter(torch.zeros(1))
optimizer = torch.optim.Adam([*actor.parameters(), *critic.parameters(), log_std], lr=1e-2)
states = torch.randn(32, 2)
for i in range(10):
    dist = Normal(actor(states).squeeze(-1), log_std.exp())
    actions = dist.sample()
    returns = -((actions - states.sum(1)) ** 2)
    advantage = returns - critic(states).squeeze(-1)
    old = dist.log_prob(actions).detach()
    ratio = torch.exp(dist.log_prob(actions) - old)
    clipped = torch.clamp(ratio, 0.8, 1.2) * advantage.detach()
    loss = -torch.min(ratio * advantage.detach(), clipped).mean() + 0.5 * advantage.pow(2).mean() - 0.01 * dist.entropy().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if i % 3 == 0:
        print(i, f"{loss.item():.4f} {dist.entropy().mean().item():.4f}")
print(dist)
