"""Deep Q-learning on a corridor: a replay memory, a target network that follows, an epsilon that shrinks."""

import math
import random
from collections import deque, namedtuple

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

Transition = namedtuple("Transition", ("state", "action", "next_state", "reward"))
random.seed(0)
torch.manual_seed(0)


class Corridor:
    """Six cells; the right end pays 1, every step costs a little."""

    def reset(self):
        self.at = 2
        return [self.at / 5, 1.0]

    def step(self, action):
        self.at += 1 if action == 1 else -1
        done = self.at in (0, 5)
        return [self.at / 5, 1.0], 1.0 if self.at == 5 else -0.1, done


class Memory:
    def __init__(self, capacity):
        self.memory = deque([], maxlen=capacity)

    def push(self, *args):
        self.memory.append(Transition(*args))

    def sample(self, n):
        return random.sample(self.memory, n)

    def __len__(self):
        return len(self.memory)


class DQN(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.Linear(2, 16)
        self.layer2 = nn.Linear(16, 2)

    def forward(self, x):
        return self.layer2(F.relu(self.layer1(x)))


policy, target = DQN(), DQN()
target.load_state_dict(policy.state_dict())
optimizer = optim.AdamW(policy.parameters(), lr=1e-2, amsgrad=True)
memory = Memory(200)
steps = 0


def select_action(state):
    global steps
    threshold = 0.05 + 0.85 * math.exp(-steps / 40)
    steps += 1
    if random.random() > threshold:
        with torch.no_grad():
            return policy(state).max(1).indices.view(1, 1)
    return torch.tensor([[random.randrange(2)]], dtype=torch.long)


def optimize():
    if len(memory) < 16:
        return None
    batch = Transition(*zip(*memory.sample(16)))
    ongoing = torch.tensor([s is not None for s in batch.next_state], dtype=torch.bool)
    next_states = torch.cat([s for s in batch.next_state if s is not None])
    values = policy(torch.cat(batch.state)).gather(1, torch.cat(batch.action))
    next_values = torch.zeros(16)
    with torch.no_grad():
        next_values[ongoing] = target(next_states).max(1).values
    expected = next_values * 0.9 + torch.cat(batch.reward)
    loss = nn.SmoothL1Loss()(values, expected.unsqueeze(1))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_value_(policy.parameters(), 100)
    optimizer.step()
    return loss.item()


env = Corridor()
for episode in range(25):
    state = torch.tensor(env.reset()).unsqueeze(0)
    total, length, done = 0.0, 0, False
    while not done:
        action = select_action(state)
        observation, reward, done = env.step(action.item())
        next_state = None if done else torch.tensor(observation).unsqueeze(0)
        memory.push(state, action, next_state, torch.tensor([reward]))
        state = next_state
        loss = optimize()
        followed = target.state_dict()
        for key, value in policy.state_dict().items():
            followed[key] = value * 0.05 + followed[key] * 0.95
        target.load_state_dict(followed)
        total, length = total + reward, length + 1
    if episode % 6 == 0:
        print(episode, length, f"{total:.1f}", None if loss is None else f"{loss:.4f}")
with torch.no_grad():
    print(policy(torch.tensor([[i / 5, 1.0] for i in range(1, 5)])).argmax(1))
