"""A vector-quantized autoencoder: every part of a picture becomes one entry of a learned codebook.

python examples/vq_vae.py
"""

import argparse
from pathlib import Path

from toy_data import save_picture, shapes, tile
from tqdm import trange

import jtorch as torch
import jtorch.nn as nn
import jtorch.nn.functional as F

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--steps", type=int, default=1000)
parser.add_argument("--device", default="cpu")
parser.add_argument("--out", type=Path, default=Path(), help="folder for vq_vae.png")
args = parser.parse_args()

batch_size = 32
hidden = 32
embedding_dim = 16
num_embeddings = 64
commitment_cost = 0.25
learning_rate = 2e-3


class VectorQuantizer(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(num_embeddings, embedding_dim)
        self.embedding.weight.data.uniform_(-1 / num_embeddings, 1 / num_embeddings)

    def forward(self, inputs):
        inputs = inputs.permute(0, 2, 3, 1).contiguous()  # BCHW -> BHWC
        flat_input = inputs.view(-1, embedding_dim)
        distances = (
            torch.sum(flat_input**2, dim=1, keepdim=True)
            + torch.sum(self.embedding.weight**2, dim=1)
            - 2 * torch.matmul(flat_input, self.embedding.weight.t())
        )
        encoding_indices = torch.argmin(distances, dim=1).unsqueeze(1)
        encodings = torch.zeros(encoding_indices.shape[0], num_embeddings, device=inputs.device)
        encodings.scatter_(1, encoding_indices, 1)
        quantized = torch.matmul(encodings, self.embedding.weight).view(inputs.shape)
        loss = F.mse_loss(quantized, inputs.detach()) + commitment_cost * F.mse_loss(quantized.detach(), inputs)
        quantized = inputs + (quantized - inputs).detach()  # the gradient goes straight through
        average = torch.mean(encodings, dim=0)
        perplexity = torch.exp(-torch.sum(average * torch.log(average + 1e-10)))
        return loss, quantized.permute(0, 3, 1, 2).contiguous(), perplexity


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = nn.Sequential(
            nn.ReLU(), nn.Conv2d(hidden, hidden, 3, padding=1, bias=False), nn.ReLU(), nn.Conv2d(hidden, hidden, 1)
        )

    def forward(self, x):
        return x + self.block(x)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, hidden, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden, hidden, 4, stride=2, padding=1),
            Residual(),
            nn.Conv2d(hidden, embedding_dim, 1),
        )
        self.quantizer = VectorQuantizer()
        self.decoder = nn.Sequential(
            nn.Conv2d(embedding_dim, hidden, 3, padding=1),
            Residual(),
            nn.ConvTranspose2d(hidden, hidden, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(hidden, 3, 4, stride=2, padding=1),
        )

    def forward(self, x):
        loss, quantized, perplexity = self.quantizer(self.encoder(x))
        return loss, self.decoder(quantized), perplexity


torch.manual_seed(0)
pictures = torch.from_numpy(shapes(2000)[0]) - 0.5
variance = pictures.var().item()
model = Model().to(args.device)
optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate, amsgrad=False)
errors = []
for _ in (bar := trange(args.steps)):
    x = pictures[torch.randint(len(pictures), (batch_size,))].to(args.device)
    optimizer.zero_grad()
    vq_loss, reconstruction, perplexity = model(x)
    error = F.mse_loss(reconstruction, x) / variance
    (error + vq_loss).backward()
    optimizer.step()
    errors.append(error.item())
    bar.set_postfix(error=f"{errors[-1]:.3f}", perplexity=f"{perplexity.item():.1f}", refresh=False)
print(f"error {errors[0]:.4f} at first, {errors[-1]:.4f} after {args.steps} steps")

model.eval()
x = pictures[:12].to(args.device)
with torch.no_grad():
    _, again, perplexity = model(x)
args.out.mkdir(parents=True, exist_ok=True)
sheet = (torch.cat([x, again]) + 0.5).permute(0, 2, 3, 1).cpu().numpy()
save_picture(tile(sheet, 12), args.out / "vq_vae.png", scale=2)
print("vq_vae.png: pictures, and what 64 entries of a codebook say of them")
