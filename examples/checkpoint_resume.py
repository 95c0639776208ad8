"""Training that is killed at a step and resumed from its checkpoint gives the curve of training without a break.

python examples/checkpoint_resume.py
"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
from toy_data import save_figure

import jtorch as torch
import jtorch.nn as nn
import jtorch.nn.functional as F

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=200)
parser.add_argument("--out", type=Path, default=Path(), help="folder for checkpoint.pth and checkpoint_resume.png")
args = parser.parse_args()

batch_size = 32
learning_rate = 0.01
save_every = max(1, args.steps // 5)
killed_at = args.steps * 7 // 10
args.out.mkdir(parents=True, exist_ok=True)
path = args.out / "checkpoint.pth"


class Killed(Exception):
    """What ends the first attempt."""


def train(killed_at=None):
    """The losses of all steps. Goes on from the checkpoint if there is one; saves one after every `save_every` steps."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 64), nn.Tanh(), nn.Dropout(0.1), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, args.steps)
    losses = []
    if path.exists():
        checkpoint = torch.load(path)
        model.load_state_dict(checkpoint["model"])
        optimizer.load_state_dict(checkpoint["optimizer"])
        scheduler.load_state_dict(checkpoint["scheduler"])
        torch.set_rng_state(checkpoint["rng"])  # dropout's and the data's random numbers go on where they were
        losses = checkpoint["losses"]
        print(f"goes on after step {len(losses)}")
    for step in range(len(losses), args.steps):
        if step == killed_at:
            raise Killed
        x = torch.rand(batch_size, 1) * 6 - 3
        loss = F.mse_loss(model(x), torch.sin(2 * x))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
        if (step + 1) % save_every == 0:
            checkpoint = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            checkpoint |= {"scheduler": scheduler.state_dict(), "rng": torch.get_rng_state(), "losses": losses}
            torch.save(checkpoint, path)
    return losses


path.unlink(missing_ok=True)
whole = train()
path.unlink()
try:
    train(killed_at)
except Killed:
    print(f"killed at step {killed_at}")
resumed = train()
print(f"loss {whole[0]:.4f} at first, {whole[-1]:.4f} after {args.steps} steps")
print("the same curve to the last bit:", whole == resumed)

figure, axes = plt.subplots(figsize=(5, 2.6), layout="constrained")
axes.plot(whole, "tab:orange", linewidth=4, alpha=0.5, label="without a break")
axes.plot(resumed, "k", linewidth=1, label="killed and resumed")
axes.axvline(killed_at, color="tab:red", linestyle=":", label="killed here")
axes.set(xlabel="step", ylabel="loss", yscale="log")
axes.legend()
save_figure(figure, args.out / "checkpoint_resume.png")
