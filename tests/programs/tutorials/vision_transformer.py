"""Patches as words: a small vision transformer with a class token; then knowledge distilled into a small network."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class ViT(nn.Module):
    def __init__(self, size=8, patch=4, width=16, classes=3):
        super().__init__()
        self.patches = nn.Conv2d(1, width, patch, stride=patch)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.place = nn.Parameter(torch.randn(1, (size // patch) ** 2 + 1, width) * 0.02)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, 4, dropout=0.1, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 32), nn.GELU(), nn.Dropout(0.1), nn.Linear(32, width))
        self.head = nn.Linear(width, classes)
        nn.init.trunc_normal_(self.cls, std=0.02)

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls.expand(x.shape[0], -1, -1), x), dim=1) + self.place
        h = self.norm1(x)
        out, self.seen = self.attn(h, h, h)
        x = x + out
        x = x + self.mlp(self.norm2(x))
        return self.head(x[:, 0])


torch.manual_seed(0)
teacher = ViT()
images = torch.randn(36, 1, 8, 8)
labels = torch.arange(36) % 3
images += labels.view(-1, 1, 1, 1)
images = (images - images.mean((2, 3), keepdim=True) * 0.5) / images.std()
optimizer = torch.optim.AdamW(teacher.parameters(), lr=3e-3)
for epoch in range(12):
    teacher.train()
    for pick in torch.randperm(36).split(12):
        optimizer.zero_grad(set_to_none=True)
        loss = F.cross_entropy(teacher(images[pick]), labels[pick], label_smoothing=0.1)
        loss.backward()
        optimizer.step()
    if epoch % 6 == 5:
        teacher.eval()
        with torch.no_grad():
            accuracy = (teacher(images).argmax(-1) == labels).float().mean()
        print(epoch, f"{loss.item():.4f}", accuracy.item() > 0.5)
print(teacher.seen.shape, f"{teacher.seen.sum(-1).mean():.4f}")
unfolded = F.unfold(images[:1], 4, stride=4)
print(unfolded.shape, torch.allclose(F.fold(unfolded, (8, 8), 4, stride=4), images[:1]))

student = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.ReLU(), nn.Linear(8, 3))
optimizer = torch.optim.SGD(student.parameters(), lr=0.1, momentum=0.9)
kl, T = nn.KLDivLoss(reduction="batchmean"), 3.0
for step in range(15):
    with torch.no_grad():
        soft = F.softmax(teacher(images) / T, dim=-1)
    out = student(images)
    loss = kl(F.log_softmax(out / T, dim=-1), soft) * T * T * 0.7 + F.cross_entropy(out, labels) * 0.3
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"{loss.item():.4f}")


def nt_xent(a, b, temperature=0.5):
    z = F.normalize(torch.cat((a, b)), dim=1)
    scores = z @ z.T / temperature
    scores.fill_diagonal_(float("-inf"))
    n = len(a)
    return F.cross_entropy(scores, torch.cat((torch.arange(n) + n, torch.arange(n))))


a = torch.randn(6, 4, requires_grad=True)
loss = nt_xent(a, a.detach() + 0.1 * torch.randn(6, 4))
loss.backward()
print(f"{loss.item():.4f} {a.grad.norm().item():.4f}")
