"""filters, colours, warps, augmentations, features, losses and a homography that learns"""

import kornia
import kornia.augmentation as K
import torch
from kornia.geometry.transform import get_rotation_matrix2d, resize, warp_affine, warp_perspective

torch.manual_seed(0)
x = torch.rand(2, 3, 24, 32)
for name, f in {
    "blur": lambda: kornia.filters.gaussian_blur2d(x, (5, 5), (1.5, 1.5)),
    "median": lambda: kornia.filters.median_blur(x, (3, 3)),
    "sobel": lambda: kornia.filters.sobel(x),
    "canny": lambda: kornia.filters.canny(x)[0],
    "lab": lambda: kornia.color.rgb_to_lab(x),
    "hsv": lambda: kornia.color.rgb_to_hsv(x),
    "equalize": lambda: kornia.enhance.equalize_clahe(x, grid_size=(2, 2)),
    "resize": lambda: resize(x, (12, 20), antialias=True),
    "dilate": lambda: kornia.morphology.dilation(x, torch.ones(3, 3)),
    "harris": lambda: kornia.feature.harris_response(x[:, :1]),
    "ssim": lambda: kornia.losses.ssim_loss(x, x.flip(0), 5),
    "total variation": lambda: kornia.losses.total_variation(x),
}.items():
    found = f()
    print(name, tuple(found.shape), found.mean().item(), found.std().item())
turned = get_rotation_matrix2d(torch.tensor([[16.0, 12.0]]), torch.tensor([30.0]), torch.ones(1, 2))
print(warp_affine(x[:1], turned, (24, 32)).sum().item())
torch.manual_seed(1)
augment = K.AugmentationSequential(
    K.RandomHorizontalFlip(p=0.5),
    K.ColorJitter(0.1, 0.1, 0.1, 0.1, p=1.0),
    K.RandomAffine(20.0, p=1.0),
    data_keys=["input", "mask"],
)
image, mask = augment(x, (x[:, :1] > 0.5).float())
print(image.mean().item(), mask.mean().item(), augment.transform_matrix.sum().item())
points = torch.rand(1, 6, 2)
print(kornia.geometry.homography.find_homography_dlt(points, points + 0.1))
matrix = torch.eye(3)[None].requires_grad_()
optimizer = torch.optim.Adam([matrix], lr=1e-3)
for step in range(4):
    optimizer.zero_grad()
    loss = (warp_perspective(x[:1], matrix, (24, 32)) - x[1:]).abs().mean()
    loss.backward()
    optimizer.step()
    print(step, loss.item())
