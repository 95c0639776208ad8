"""A trained body kept frozen under a new head; then all of it, with a smaller rate below."""

import copy

import torch
import torch.nn as nn
from torch.optim import lr_scheduler

torch.manual_seed(0)
body = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten())
model = nn.Sequential(body, nn.Linear(24, 10))
inputs = torch.randn(48, 3, 8, 8)
old, new = torch.randint(10, (48,)), (inputs.mean((1, 2, 3)) > 0).long()


def fit(model, labels, optimizer, scheduler, epochs):
    best, best_weights = 0.0, copy.deepcopy(model.state_dict())
    for epoch in range(epochs):
        for phase in ("train", "val"):
            model.train() if phase == "train" else model.eval()
            part = slice(0, 32) if phase == "train" else slice(32, 48)
            running, corrects = 0.0, 0
            for x, y in zip(inputs[part].split(16), labels[part].split(16)):
                optimizer.zero_grad()
                with torch.set_grad_enabled(phase == "train"):
                    outputs = model(x)
                    _, preds = torch.max(outputs, 1)
                    loss = nn.functional.cross_entropy(outputs, y)
                    if phase == "train":
                        loss.backward()
                        optimizer.step()
                running += loss.item() * x.size(0)
                corrects += torch.sum(preds == y.data)
            if phase == "train":
                scheduler.step()
            size = part.stop - part.start
            print(f"{epoch} {phase} loss {running / size:.4f} acc {corrects.double() / size:.4f}")
            if phase == "val" and corrects.double() / size > best:
                best, best_weights = corrects.double() / size, copy.deepcopy(model.state_dict())
    model.load_state_dict(best_weights)
    return model


optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
fit(model, old, optimizer, lr_scheduler.StepLR(optimizer, 2, 0.1), 2)

for p in model.parameters():
    p.requires_grad = False
model[1] = nn.Linear(model[1].in_features, 2)
print([name for name, p in model.named_parameters() if p.requires_grad])
before = model[0][0].weight.clone()
optimizer = torch.optim.Adam(filter(lambda p: p.requires_grad, model.parameters()), lr=0.01)
fit(model, new, optimizer, lr_scheduler.ExponentialLR(optimizer, 0.9), 2)
print(torch.equal(before, model[0][0].weight), model[0][0].weight.grad)

model.requires_grad_(True)
optimizer = torch.optim.AdamW([{"params": model[0].parameters(), "lr": 1e-3}, {"params": model[1].parameters()}], lr=1e-2)
fit(model, new, optimizer, lr_scheduler.CosineAnnealingLR(optimizer, 4), 2)
print([round(g["lr"], 6) for g in optimizer.param_groups], torch.equal(before, model[0][0].weight))
print(sum(p.numel() for p in model.parameters() if p.requires_grad))
