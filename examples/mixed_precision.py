"""Mixed precision: the same training in float32 and under autocast with a gradient scaler.

python examples/mixed_precision.py                    # bfloat16 on the CPU
python examples/mixed_precision.py --device cuda      # float16, where the scaler is needed
"""

import argparse
import time

import numpy as np
from sklearn.datasets import load_digits
from tqdm import trange

import jtorch as torch
import jtorch.nn as nn
import jtorch.nn.functional as F

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=200)
parser.add_argument("--device", default="cpu")
args = parser.parse_args()

batch_size = 128
hidden = 256
learning_rate = 2e-3
half = torch.float16 if args.device == "cuda" else torch.bfloat16

digits = load_digits()
x = torch.from_numpy(digits.data.astype(np.float32) / 16).to(args.device)
y = torch.from_numpy(digits.target.astype(np.int64)).to(args.device)


def train(use_amp):
    """The losses, the network, and the seconds of the later half of the steps."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(64, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 10))
    net.to(args.device)
    optimizer = torch.optim.AdamW(net.parameters(), lr=learning_rate)
    scaler = torch.amp.GradScaler(args.device, enabled=use_amp and half is torch.float16)
    losses, start = [], None
    for step in trange(args.steps, desc=f"{half}" if use_amp else "torch.float32"):
        if step == args.steps // 2:
            start = time.perf_counter()
        chosen = torch.randint(1500, (batch_size,), device=args.device)
        with torch.autocast(args.device, dtype=half, enabled=use_amp):
            output = net(x[chosen])
            loss = F.cross_entropy(output, y[chosen])
        if step == 0:
            print(f"output {output.dtype}, loss {loss.dtype}, weights {net[0].weight.dtype}")
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses, net, time.perf_counter() - start


for use_amp in (False, True):
    losses, net, seconds = train(use_amp)
    with torch.no_grad():
        right = (net(x[1500:]).argmax(1) == y[1500:]).float().mean().item()
    print(f"loss {losses[0]:.3f} at first; {losses[-1]:.2f} after {args.steps} steps")
    figures = (
        f"{seconds / max(1, args.steps - args.steps // 2) * 1e3:.2f} ms a step, {right:.1%} of unseen digits right"
    )
    if args.steps > 100:  # a figure for the reader, of no use after a few steps
        print(figures)
