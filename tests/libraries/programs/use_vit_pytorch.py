"""ViT, SimpleViT and CaiT trained, and the attention maps of a ViT"""

import torch
from torch.nn import functional as F
from vit_pytorch import SimpleViT, ViT
from vit_pytorch.cait import CaiT
from vit_pytorch.recorder import Recorder

size = {"image_size": 32, "patch_size": 8, "num_classes": 5, "dim": 32, "heads": 4, "mlp_dim": 64}
x, y = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 1, 2, 3])
for kind, more in (
    (ViT, {"depth": 2, "dropout": 0.1}),
    (SimpleViT, {"depth": 2}),
    (CaiT, {"depth": 2, "cls_depth": 1}),
):
    torch.manual_seed(0)
    model = kind(**size, **more)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for step in range(4):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        print(kind.__name__, step, loss.item())
torch.manual_seed(0)
recorder = Recorder(ViT(**size, depth=2).eval())
scores, maps = recorder(x)
print(scores.sum().item(), maps.shape, maps.std().item())
