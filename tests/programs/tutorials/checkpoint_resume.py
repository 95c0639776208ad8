"""Training broken off and taken up again goes on as if nothing had happened: model, optimizer, schedule, random state."""

import os
import tempfile

import torch
import torch.nn as nn


def parts():
    torch.manual_seed(7)
    model = nn.Sequential(nn.Linear(4, 12), nn.Dropout(0.3), nn.ReLU(), nn.Linear(12, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02, betas=(0.9, 0.99))
    return model, optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=12)


data = torch.linspace(-1, 1, 64).view(16, 4)
labels = torch.arange(16) % 3


def epochs(model, optimizer, schedule, numbers):
    for n in numbers:
        order = torch.randperm(16)
        loss = nn.functional.cross_entropy(model(data[order]), labels[order])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        print(n, f"{loss.item():.5f} {optimizer.param_groups[0]['lr']:.5f}")


model, optimizer, schedule = parts()
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "checkpoint.pt")
    epochs(model, optimizer, schedule, range(5))
    torch.save(
        {
            "epoch": 5, "model_state_dict": model.state_dict(), "optimizer_state_dict": optimizer.state_dict(),
            "schedule": schedule.state_dict(), "random": torch.get_rng_state(),
        },
        path,
    )
    epochs(model, optimizer, schedule, range(5, 9))
    model, optimizer, schedule = parts()
    checkpoint = torch.load(path)
    model.load_state_dict(checkpoint["model_state_dict"])
    optimizer.load_state_dict(checkpoint["optimizer_state_dict"])
    schedule.load_state_dict(checkpoint["schedule"])
    torch.set_rng_state(checkpoint["random"])
    epochs(model, optimizer, schedule, range(checkpoint["epoch"], 9))
    print(sorted(checkpoint), list(checkpoint["optimizer_state_dict"]["state"][0]))
    torch.save(model, path)
    whole = torch.load(path, weights_only=False)
    print(whole)
    print(torch.equal(whole[0].weight, model[0].weight), os.path.getsize(path) > 1000)
    try:
        model.load_state_dict({"0.weight": torch.zeros(2, 2), "9.bias": torch.zeros(1)})
    except RuntimeError as error:
        print(error)
    print(model.load_state_dict({"0.bias": torch.zeros(12)}, strict=False))
