"""Data: a Dataset of one's own, collate functions, splits, samplers, folds, and what a DataLoader gives."""

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import (
    BatchSampler, ConcatDataset, DataLoader, Dataset, IterableDataset, SequentialSampler, Subset, TensorDataset,
    WeightedRandomSampler, random_split,
)


class Sentences(Dataset):
    def __init__(self, n, transform=None):
        draw = np.random.RandomState(0)
        self.items = [draw.randint(1, 9, draw.randint(2, 6)) for _ in range(n)]
        self.transform = transform

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        item = torch.as_tensor(self.items[i])
        return (self.transform(item) if self.transform else item), len(item) % 2


def collate(batch):
    items, labels = zip(*batch)
    return pad_sequence(items, batch_first=True, padding_value=0), torch.tensor([len(i) for i in items]), torch.tensor(labels)


torch.manual_seed(0)
loader = DataLoader(Sentences(10, lambda x: x * 2), batch_size=4, shuffle=True, collate_fn=collate)
for padded, lengths, labels in loader:
    print(padded, lengths, labels)
print(len(loader), len(loader.dataset))

x, y = torch.arange(24.0).view(12, 2), torch.arange(12)
data = TensorDataset(x, y)
train, test = random_split(data, [9, 3], generator=torch.Generator().manual_seed(42))
print(train.indices, test.indices, test[0])
print([len(p) for p in random_split(data, [0.5, 0.3, 0.2])])
weights = [1.0 if i % 3 else 5.0 for i in range(12)]
sampler = WeightedRandomSampler(weights, num_samples=12, replacement=True)
for xb, yb in DataLoader(data, batch_size=5, sampler=sampler, drop_last=True):
    print(xb.shape, yb.tolist())
print(list(BatchSampler(SequentialSampler(data), batch_size=5, drop_last=False)))

order = torch.randperm(len(data))
for fold, held in enumerate(order.chunk(3)):
    kept = torch.tensor([i for i in order.tolist() if i not in held.tolist()])
    part = Subset(data, kept.tolist())
    mean = torch.stack([p[0] for p in part]).mean(0)
    print(fold, held.tolist(), mean.tolist())


class Stream(IterableDataset):
    def __iter__(self):
        return iter({"x": torch.full((2,), float(i)), "name": f"n{i}"} for i in range(3))


for batch in DataLoader(Stream(), batch_size=2):
    print(batch)
print(len(ConcatDataset([data, train])), next(iter(DataLoader(ConcatDataset([data, train]), batch_size=2, shuffle=True))))
