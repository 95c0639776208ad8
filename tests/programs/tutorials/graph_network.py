"""A graph convolution by index_add and by a matrix, graphs pooled by scatter, ratings factored into vectors."""

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(0)
edges = torch.tensor([[0, 1, 1, 2, 3, 4, 4, 5, 2, 3], [1, 0, 2, 1, 4, 3, 5, 4, 3, 2]])
features = torch.randn(6, 4)
labels = torch.tensor([0, 0, 0, 1, 1, 1])


class Conv(nn.Module):
    def __init__(self, inside, outside):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inside, outside))
        self.bias = nn.Parameter(torch.zeros(outside))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x, edges):
        n = x.size(0)
        loops = torch.arange(n).repeat(2, 1)
        source, target = torch.cat((edges, loops), dim=1)
        degree = torch.zeros(n).index_add_(0, target, torch.ones(len(target)))
        scale = degree.pow(-0.5)
        message = (x @ self.weight)[source] * (scale[source] * scale[target]).unsqueeze(1)
        return torch.zeros(n, message.size(1)).index_add(0, target, message) + self.bias


class GCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = Conv(4, 8), Conv(8, 2)

    def forward(self, x, edges):
        x = F.dropout(F.relu(self.conv1(x, edges)), 0.3, self.training)
        return F.log_softmax(self.conv2(x, edges), dim=1)


model = GCN()
optimizer = torch.optim.Adam(model.parameters(), lr=0.05, weight_decay=5e-4)
known = torch.tensor([True, False, False, False, False, True])
for epoch in range(20):
    model.train()
    optimizer.zero_grad()
    loss = F.nll_loss(model(features, edges)[known], labels[known])
    loss.backward()
    optimizer.step()
print(f"{loss.item():.4f}")
model.eval()
print((model(features, edges).argmax(1) == labels).sum().item() >= 4)
dense = torch.eye(6)
dense[edges[1], edges[0]] = 1.0
scale = dense.sum(1).rsqrt().diag()
print(torch.allclose(scale @ dense @ scale @ features @ model.conv1.weight, model.conv1(features, edges) - model.conv1.bias, atol=1e-6))
graph = torch.tensor([0, 0, 1, 1, 1, 2])
total = torch.zeros(3, 4).scatter_add_(0, graph.unsqueeze(1).expand(-1, 4), features)
most = torch.full((3, 4), -torch.inf).scatter_reduce(0, graph.unsqueeze(1).expand(-1, 4), features, reduce="amax")
print(total, most, torch.bincount(graph), sep="\n")


class Factors(nn.Module):
    def __init__(self, users, items, width):
        super().__init__()
        self.user, self.item = nn.Embedding(users, width), nn.Embedding(items, width)
        self.user_bias, self.item_bias = nn.Embedding(users, 1), nn.Embedding(items, 1)
        for layer in self.children():
            layer.weight.data.uniform_(-0.05, 0.05)

    def forward(self, u, i):
        return (self.user(u) * self.item(i)).sum(1) + self.user_bias(u).squeeze() + self.item_bias(i).squeeze()


u, i = torch.randint(0, 5, (40,)), torch.randint(0, 7, (40,))
rating = ((u + i) % 5).float()
model = Factors(5, 7, 3)
optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
for epoch in range(25):
    loss = F.mse_loss(model(u, i), rating)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"{loss.item():.4f}")
scores, best = model(torch.zeros(7, dtype=torch.long), torch.arange(7)).sort(descending=True)
print(scores[:3].tolist()[0] > scores[-1].item(), best.shape)
