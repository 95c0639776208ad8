"""A learning-rate finder, early stopping on a plateau, an average of the weights, and the best weights kept."""

import copy
import math

import torch
import torch.nn as nn
from torch.optim.swa_utils import SWALR, AveragedModel, get_ema_multi_avg_fn, update_bn

torch.manual_seed(0)
x = torch.rand(96, 3) * 2 - 1
y = torch.sin(3 * x[:, :1]) * x[:, 1:2] + 0.1 * torch.randn(96, 1)
train, valid = (x[:64], y[:64]), (x[64:], y[64:])


def fresh():
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 24), nn.BatchNorm1d(24), nn.GELU(), nn.Linear(24, 1))


model = fresh()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-4)
average, best, history = 0.0, math.inf, []
for step in range(40):
    loss = nn.functional.mse_loss(model(train[0]), train[1])
    average = 0.9 * average + 0.1 * loss.item()
    smooth = average / (1 - 0.9 ** (step + 1))
    history.append((optimizer.param_groups[0]["lr"], smooth))
    if smooth > 4 * best:
        break
    best = min(best, smooth)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    for group in optimizer.param_groups:
        group["lr"] *= 1.4
found = min(history, key=lambda pair: pair[1])[0] / 10
print(len(history), f"{found:.5f} {best:.4f}")


class Stopper:
    def __init__(self, patience):
        self.patience, self.best, self.bad, self.weights = patience, math.inf, 0, None

    def __call__(self, loss, model):
        if loss < self.best - 1e-4:
            self.best, self.bad, self.weights = loss, 0, copy.deepcopy(model.state_dict())
        else:
            self.bad += 1
        return self.bad >= self.patience


model = fresh()
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.3, patience=2)
ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9))
stopper = Stopper(6)
for epoch in range(60):
    model.train()
    for xb, yb in zip(train[0].split(32), train[1].split(32)):
        optimizer.zero_grad()
        nn.functional.mse_loss(model(xb), yb).backward()
        optimizer.step()
        ema.update_parameters(model)
    model.eval()
    with torch.no_grad():
        loss = nn.functional.mse_loss(model(valid[0]), valid[1]).item()
    plateau.step(loss)
    if stopper(loss, model):
        break
model.load_state_dict(stopper.weights)
print("stopped" if epoch < 59 else "ran out", stopper.best < 0.2)

model = fresh()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
swa, schedule = AveragedModel(model), SWALR(optimizer, swa_lr=0.01, anneal_epochs=3)
for epoch in range(12):
    optimizer.zero_grad()
    loss = nn.functional.mse_loss(model(train[0]), train[1])
    loss.backward()
    optimizer.step()
    if epoch >= 6:
        swa.update_parameters(model)
        schedule.step()
update_bn([(train[0],)], swa)
print(f"{loss.item():.4f} {nn.functional.mse_loss(swa.eval()(valid[0]), valid[1]).item():.4f}", swa.n_averaged)
print(f"{optimizer.param_groups[0]['lr']:.4f}", [name for name, _ in swa.named_buffers()][:2])
