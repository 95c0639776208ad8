"""rearrange, reduce, repeat, einsum, pack, and the layers in a network that learns"""

import torch
from einops import einsum, pack, rearrange, reduce, repeat, unpack
from einops.layers.torch import EinMix, Rearrange, Reduce
from torch import nn

torch.manual_seed(0)
x = torch.randn(2, 3, 8, 8)
print(rearrange(x, "b c (h p) (w q) -> b (h w) (p q c)", p=4, q=4).shape)
print(reduce(x, "b c (h 2) (w 2) -> b c h w", "max").sum(), reduce(x, "b c h w -> c", "mean"))
print(repeat(x[0, 0, :2, :2], "h w -> (h 2) (w 3)"))
print(einsum(x, torch.randn(5, 3), "b c h w, o c -> b o").shape)
packed, shapes = pack([x, x[:, 0]], "b * h w")
print(packed.shape, [part.shape for part in unpack(packed, shapes, "b * h w")])
try:
    rearrange(x, "b c h -> b h c")
except Exception as error:
    print(type(error).__name__)
model = nn.Sequential(
    nn.Conv2d(3, 4, 3, padding=1),
    Reduce("b c (h 2) (w 2) -> b c h w", "max"),
    Rearrange("b c h w -> b (h w) c"),
    EinMix("b t c -> b t o", weight_shape="c o", bias_shape="o", c=4, o=6),
    Reduce("b t o -> b o", "mean"),
)
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(5):
    optimizer.zero_grad()
    loss = model(x).square().mean()
    loss.backward()
    optimizer.step()
    print(loss.item())
