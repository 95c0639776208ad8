"""Deep Q-learning keeps a pole upright on a cart.

python examples/dqn.py    # dqn.gif
"""

import argparse
import random
from collections import deque
from pathlib import Path

import numpy as np
from cart_pole import CartPole
from tqdm import trange

import jtorch as torch
import jtorch.nn as nn

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=6000, help="pushes of the cart")
parser.add_argument("--device", default="cpu")
parser.add_argument("--out", type=Path, default=Path(), help="folder for dqn.gif")
args = parser.parse_args()

batch_size = 64
gamma = 0.99
eps_start, eps_end, eps_steps = 0.9, 0.02, 2500
tau = 0.01
learning_rate = 1e-3
memory_size = 10000


class DQN(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))

    def forward(self, x):
        return self.layers(x)


def select_action(state, eps):
    if random.random() < eps:
        return random.randrange(2)
    with torch.no_grad():
        return policy(torch.from_numpy(state).to(args.device).unsqueeze(0)).argmax(1).item()


def optimize():
    """One step towards reward + gamma * the best value of the next state. Returns the loss."""
    states, actions, next_states, rewards, over = zip(*random.sample(memory, batch_size), strict=True)
    states, next_states = (torch.from_numpy(np.stack(s)).to(args.device) for s in (states, next_states))
    actions = torch.tensor(actions, device=args.device).unsqueeze(1)
    rewards, over = (torch.tensor(v, dtype=torch.float32, device=args.device) for v in (rewards, over))
    values = policy(states).gather(1, actions).squeeze(1)
    with torch.no_grad():
        expected = rewards + gamma * target(next_states).max(1).values * (1 - over)
    loss = nn.functional.smooth_l1_loss(values, expected)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_value_(policy.parameters(), 100)
    optimizer.step()
    with torch.no_grad():
        for slow, fast in zip(target.parameters(), policy.parameters(), strict=True):
            slow.lerp_(fast, tau)
    return loss.item()


torch.manual_seed(0)
random.seed(0)
policy, target = DQN().to(args.device), DQN().to(args.device)
target.load_state_dict(policy.state_dict())
optimizer = torch.optim.AdamW(policy.parameters(), lr=learning_rate, amsgrad=True)
memory: deque[tuple] = deque(maxlen=memory_size)
environment = CartPole()
state, total, totals, losses = environment.reset(), 0.0, [], []
for step in (bar := trange(args.steps)):
    action = select_action(state, max(eps_end, eps_start - (eps_start - eps_end) * step / eps_steps))
    next_state, reward, over = environment.step(action)
    fallen = over and environment.steps < 200
    memory.append((state, action, next_state, reward, fallen))
    state, total = next_state, total + reward
    if len(memory) >= batch_size:
        losses.append(optimize())
    if over:
        totals.append(total)
        state, total = environment.reset(), 0.0
        bar.set_postfix(reward=f"{np.mean(totals[-10:]):.0f}", refresh=False)
if losses:
    print(f"loss {losses[0]:.4f} at first, {losses[-1]:.4f} after {args.steps} steps")
print("rewards of the first episodes:", totals[:10])
print("rewards of the last episodes:", totals[-10:])

state, over, frames = environment.reset(), False, []
while not over:
    if environment.steps % 4 == 0:
        frames.append(environment.picture())
    state, _, over = environment.step(select_action(state, 0.0))
print(f"without chance it stands for {environment.steps} steps")
args.out.mkdir(parents=True, exist_ok=True)
frames[0].save(args.out / "dqn.gif", save_all=True, append_images=frames[1:], duration=80, loop=0)
