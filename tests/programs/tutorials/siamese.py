"""Two pictures of one thing lie close: a siamese network with contrastive and triplet losses."""

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset


class Pairs(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        self.centres = torch.randn(4, 1, 8, 8, generator=g)
        self.labels = torch.randint(0, 4, (n,), generator=g)
        self.images = self.centres[self.labels] + 0.3 * torch.randn(n, 1, 8, 8, generator=g)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        j = (i * 7 + 3) % len(self)
        return self.images[i], self.images[j], torch.tensor([float(self.labels[i] != self.labels[j])])


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.BatchNorm2d(4), nn.MaxPool2d(2)
        )
        self.fc = nn.Sequential(nn.Linear(4 * 4 * 4, 16), nn.ReLU(inplace=True), nn.Linear(16, 4))

    def once(self, x):
        x = self.cnn(x)
        return self.fc(x.view(x.size()[0], -1))

    def forward(self, a, b):
        return self.once(a), self.once(b)


class Contrastive(nn.Module):
    def __init__(self, margin=2.0):
        super().__init__()
        self.margin = margin

    def forward(self, a, b, different):
        far = F.pairwise_distance(a, b, keepdim=True)
        return torch.mean((1 - different) * far.pow(2) + different * torch.clamp(self.margin - far, min=0.0).pow(2))


torch.manual_seed(0)
net, criterion = Siamese(), Contrastive()
optimizer = torch.optim.Adam(net.parameters(), lr=5e-3)
loader = DataLoader(Pairs(64, 1), batch_size=16, shuffle=True)
for epoch in range(4):
    total = 0.0
    for a, b, different in loader:
        optimizer.zero_grad()
        loss = criterion(*net(a, b), different)
        loss.backward()
        optimizer.step()
        total += loss.item() * a.size(0)
    print(epoch, round(total / len(loader.dataset), 4))

triplet = nn.TripletMarginLoss(margin=1.0, p=2)
cosine = nn.CosineEmbeddingLoss(margin=0.2)
net.eval()
data = Pairs(12, 2)
out = net.once(data.images)
same = data.labels.unsqueeze(0) == data.labels.unsqueeze(1)
far = torch.cdist(out, out)
print(f"{far[same].mean().item():.3f} {far[~same].mean().item():.3f}")
anchor, positive, negative = out[:4], out[4:8], out[8:]
print(f"{triplet(anchor, positive, negative).item():.4f}")
print(f"{cosine(anchor, positive, torch.tensor([1, -1, 1, -1])).item():.4f}")
print(f"{F.cosine_similarity(anchor, negative).sum().item():.4f}")
