"""REINFORCE: a policy learns from whole episodes to keep a pole upright on a cart.

python examples/reinforce.py
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from cart_pole import CartPole
from toy_data import save_figure
from tqdm import trange

import jtorch as torch
import jtorch.nn as nn
from jtorch.distributions import Categorical

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=200, help="episodes")
parser.add_argument("--out", type=Path, default=Path(), help="folder for reinforce.png")
args = parser.parse_args()

gamma = 0.99
learning_rate = 1e-2


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(4, 64)
        self.dropout = nn.Dropout(p=0.2)
        self.affine2 = nn.Linear(64, 2)

    def forward(self, x):
        x = nn.functional.relu(self.dropout(self.affine1(x)))
        return nn.functional.softmax(self.affine2(x), dim=1)


torch.manual_seed(0)
policy, environment = Policy(), CartPole(seed=1)
optimizer = torch.optim.Adam(policy.parameters(), lr=learning_rate)
totals, losses = [], []
for _ in (bar := trange(args.steps)):
    state, over, log_probs, rewards = environment.reset(), False, [], []
    while not over:
        chances = Categorical(policy(torch.from_numpy(state).unsqueeze(0)))
        action = chances.sample()
        log_probs.append(chances.log_prob(action))
        state, reward, over = environment.step(action.item())
        rewards.append(reward)

    discounted: list[float] = []
    value = 0.0
    for reward in reversed(rewards):
        value = reward + gamma * value
        discounted.insert(0, value)
    returns = torch.tensor(discounted)
    returns = (returns - returns.mean()) / (returns.std() + 1e-8)
    loss = torch.cat([-log_prob * value for log_prob, value in zip(log_probs, returns, strict=True)]).sum()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    totals.append(len(rewards))
    losses.append(loss.item())
    bar.set_postfix(reward=f"{np.mean(totals[-10:]):.0f}", refresh=False)
print("loss of the first episodes:", [round(loss, 4) for loss in losses[:2]])
print("rewards of the first episodes:", totals[:5])
print("rewards of the last episodes:", totals[-5:])

figure, axes = plt.subplots(figsize=(5, 2.6), layout="constrained")
axes.plot(totals, linewidth=0.7)
axes.plot([np.mean(totals[max(0, i - 19) : i + 1]) for i in range(len(totals))], "k", label="mean of 20")
axes.set(xlabel="episode", ylabel="steps that it stands")
axes.legend()
args.out.mkdir(parents=True, exist_ok=True)
save_figure(figure, args.out / "reinforce.png")
