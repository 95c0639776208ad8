"""bfloat16 under autocast, a scaler that stands aside, gradients accumulated and clipped."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 16), nn.LayerNorm(16), nn.SiLU(), nn.Linear(16, 4))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
scaler = torch.amp.GradScaler("cuda", enabled=False)
x, y = torch.randn(32, 8), torch.randint(4, (32,))
for step in range(12):
    optimizer.zero_grad(set_to_none=True)
    for xb, yb in zip(x.chunk(2), y.chunk(2)):
        with torch.autocast(device_type="cpu", dtype=torch.bfloat16):
            out = model(xb)
            loss = F.cross_entropy(out, yb) / 2
        scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    norm = nn.utils.clip_grad_norm_(model.parameters(), max_norm=0.5)
    scaler.step(optimizer)
    scaler.update()
    if step % 6 == 5:
        print(step, out.dtype, loss.dtype, model.state_dict()[list(model.state_dict())[0]].dtype, loss.item() < 1, norm.item() > 0)
with torch.autocast("cpu", dtype=torch.bfloat16):
    a = torch.rand(4, 4)
    print((a @ a).dtype, (a @ a).softmax(-1).dtype, (a + a).dtype, torch.cat([a @ a, a]).dtype)
    with torch.autocast("cpu", enabled=False):
        print((a @ a).dtype)
half = nn.Linear(4, 2).to(torch.bfloat16)
print(half.weight.dtype, half(torch.ones(1, 4, dtype=torch.bfloat16)).dtype, scaler.is_enabled(), scaler.get_scale())
try:
    half(torch.ones(1, 4))
except RuntimeError as error:
    print(error)
print(torch.is_autocast_enabled("cpu"), torch.finfo(torch.bfloat16).eps, torch.ones(3).bfloat16().sum())
