"""a UNet for volumes with Dice loss, transforms of dictionaries, sliding windows, metrics"""

import numpy as np
import torch
from monai.data import CacheDataset, DataLoader, decollate_batch
from monai.inferers import sliding_window_inference
from monai.losses import DiceCELoss
from monai.metrics import DiceMetric, compute_hausdorff_distance
from monai.networks.nets import BasicUNet, UNet
from monai.transforms import (
    AsDiscrete,
    Compose,
    EnsureChannelFirstd,
    RandFlipd,
    RandGaussianNoised,
    ScaleIntensityd,
    ToTensord,
)
from monai.utils import set_determinism

set_determinism(0)
g = np.random.default_rng(0)
files = [
    {"image": g.random((16, 16, 16), np.float32), "label": (g.random((16, 16, 16)) > 0.5).astype(np.float32)}
    for _ in range(4)
]
transforms = Compose(
    [
        EnsureChannelFirstd(["image", "label"], channel_dim="no_channel"),
        ScaleIntensityd("image"),
        RandFlipd(["image", "label"], prob=0.5, spatial_axis=0),
        RandGaussianNoised("image", prob=0.5),
        ToTensord(["image", "label"]),
    ]
)
loader = DataLoader(CacheDataset(files, transforms, progress=False), batch_size=2, num_workers=0)
model = UNet(3, 1, 2, channels=(4, 8, 16), strides=(2, 2), num_res_units=1)
criterion = DiceCELoss(to_onehot_y=True, softmax=True)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
for step, batch in enumerate([*loader, *loader]):
    optimizer.zero_grad()
    loss = criterion(model(batch["image"]), batch["label"])
    loss.backward()
    optimizer.step()
    print(step, type(batch["image"]).__name__, batch["image"].mean().item(), loss.item())
model.eval()
dice = DiceMetric(include_background=False)
with torch.no_grad():
    out = sliding_window_inference(batch["image"], (8, 8, 8), 2, model, overlap=0.25)
    found = torch.stack([AsDiscrete(argmax=True, to_onehot=2)(part) for part in decollate_batch(out)])
    dice(found, batch["label"])
    print(out.mean().item(), dice.aggregate().item())
    print(compute_hausdorff_distance(found[:, :, :4], found[:, :, 4:8]).shape)
print(BasicUNet(2, 1, 2, features=(4, 4, 8, 8, 8, 4))(torch.ones(1, 1, 32, 32)).shape)
