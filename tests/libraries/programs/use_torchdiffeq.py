"""odeint with fixed and adaptive steps, events, and a neural ODE trained through the adjoint"""

import torch
from torch import nn
from torchdiffeq import odeint, odeint_adjoint, odeint_event

t = torch.linspace(0.0, 2.0, 5)
start = torch.tensor([1.0, 0.0])
turn = torch.tensor([[0.0, 1.0], [-1.0, -0.1]])
for method in ("euler", "midpoint", "rk4", "dopri5", "bosh3", "explicit_adams"):
    print(method, odeint(lambda t, y: y @ turn, start, t, method=method)[-1].tolist())
when, state = odeint_event(lambda t, y: y @ turn, start, torch.tensor(0.0), event_fn=lambda t, y: y[0], method="dopri5")
print(when.item(), state[-1].tolist())
for solve in (odeint, odeint_adjoint):

    class Right(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))

        def forward(self, t, y):
            return self.net(y**3)

    torch.manual_seed(0)
    f = Right()
    optimizer = torch.optim.RMSprop(f.parameters(), lr=1e-2)
    for step in range(3):
        optimizer.zero_grad()
        loss = (solve(f, start[None], t, rtol=1e-4, atol=1e-5) - 0.5).abs().mean()
        loss.backward()
        optimizer.step()
        print(solve.__name__, step, loss.item())
