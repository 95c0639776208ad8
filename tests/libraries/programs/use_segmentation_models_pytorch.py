"""a Unet and an FPN on a ResNet trained with Dice and focal losses; scores"""

import segmentation_models_pytorch as smp
import torch

x, y = (
    torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1)),
    (torch.arange(2 * 64 * 64) % 3 == 0).view(2, 1, 64, 64).float(),
)
for kind, criterion in ((smp.Unet, smp.losses.DiceLoss("binary")), (smp.FPN, smp.losses.FocalLoss("binary"))):
    torch.manual_seed(0)
    model = kind("resnet18", encoder_weights=None, in_channels=3, classes=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    for step in range(3):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        print(kind.__name__, step, loss.item())
numbers = smp.metrics.get_stats((y + 0.1 * x[:, :1]) > 0.5, y.long(), mode="binary")
print(
    smp.metrics.iou_score(*numbers, reduction="micro").item(), smp.metrics.f1_score(*numbers, reduction="macro").item()
)
print(smp.losses.JaccardLoss("binary")(x[:, :1], y).item(), smp.losses.TverskyLoss("binary")(x[:, :1], y).item())
