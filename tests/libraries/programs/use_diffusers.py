"""a UNet learns to remove noise; DDPM, DDIM, Euler and DPM-Solver sample; a pipeline; an autoencoder"""

import tempfile

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    UNet2DModel,
)
from torch.nn import functional as F

torch.manual_seed(0)
unet = UNet2DModel(
    sample_size=8,
    in_channels=1,
    out_channels=1,
    layers_per_block=1,
    block_out_channels=(16, 32),
    norm_num_groups=8,
    down_block_types=("DownBlock2D", "AttnDownBlock2D"),
    up_block_types=("AttnUpBlock2D", "UpBlock2D"),
)
noising = DDPMScheduler(num_train_timesteps=50)
images = torch.rand(4, 1, 8, 8) * 2 - 1
optimizer = torch.optim.AdamW(unet.parameters(), lr=1e-3)
for step in range(4):
    noise, times = torch.randn_like(images), torch.randint(50, (4,))
    loss = F.mse_loss(unet(noising.add_noise(images, noise, times), times).sample, noise)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    print(step, loss.item())
unet.eval()
for kind in (DDPMScheduler, DDIMScheduler, EulerDiscreteScheduler, DPMSolverMultistepScheduler):
    scheduler = kind(num_train_timesteps=50)
    scheduler.set_timesteps(4)
    x = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(1)) * scheduler.init_noise_sigma
    options = {"generator": torch.Generator().manual_seed(2)} if kind is DDPMScheduler else {}
    with torch.no_grad():
        for t in scheduler.timesteps:
            x = scheduler.step(unet(scheduler.scale_model_input(x, t), t).sample, t, x, **options).prev_sample
    print(kind.__name__, x.mean().item(), x.std().item())
pipeline = DDPMPipeline(unet, noising)
pipeline.set_progress_bar_config(disable=True)
with tempfile.TemporaryDirectory() as folder:
    pipeline.save_pretrained(folder)
    again = DDPMPipeline.from_pretrained(folder)
again.set_progress_bar_config(disable=True)
print(again(num_inference_steps=3, generator=torch.Generator().manual_seed(0), output_type="np").images.mean())
torch.manual_seed(1)
vae = AutoencoderKL(1, 1, ("DownEncoderBlock2D",), ("UpDecoderBlock2D",), (16,), latent_channels=2, norm_num_groups=8)
latent = vae.encode(images).latent_dist
print(vae.decode(latent.mode()).sample.mean().item(), latent.kl().tolist())
