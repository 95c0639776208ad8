"""a ResNet, a ViT and a ConvNeXt trained, features, an EMA, its optimizers and schedules"""

import timm
import torch
from timm.optim import create_optimizer_v2
from timm.scheduler import CosineLRScheduler
from timm.utils import ModelEmaV3
from torch.nn import functional as F

x, y = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 1, 2, 3])
for name, options in {
    "test_resnet": {},
    "test_vit": {"img_size": 64},
    "test_convnext": {},
    "test_efficientnet": {},
}.items():
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=5, **options)
    optimizer = create_optimizer_v2(model, opt="adamw", lr=1e-3, weight_decay=0.05)
    schedule = CosineLRScheduler(optimizer, t_initial=5, warmup_t=2, warmup_lr_init=1e-4)
    ema = ModelEmaV3(model, decay=0.9)
    for step in range(3):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        schedule.step(step + 1)
        ema.update(model)
        print(name, step, loss.item(), optimizer.param_groups[0]["lr"])
    ema.module.eval()
    with torch.no_grad():
        print(ema(x).sum().item(), sum(p.numel() for p in model.parameters()))
torch.manual_seed(0)
features = timm.create_model("test_resnet", features_only=True, out_indices=(1, 2, 3)).eval()
print([tuple(part.shape) for part in features(x)], features.feature_info.channels())
print(timm.data.create_transform(32).transforms)
print(len(timm.list_models("resnet*")) > 10)
