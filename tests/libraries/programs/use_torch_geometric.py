"""GCN, GAT, GraphSAGE and GIN trained on small graphs; batches, pooling, transforms, neighbours"""

import torch
from torch.nn import functional as F
from torch_geometric.data import Batch, Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GATConv, GCNConv, GINConv, SAGEConv, global_max_pool, global_mean_pool
from torch_geometric.transforms import AddSelfLoops, NormalizeFeatures
from torch_geometric.utils import degree, scatter, softmax, to_dense_adj, to_undirected

torch.manual_seed(0)
edges = to_undirected(torch.randint(20, (2, 40)))
data = Data(x=torch.rand(20, 6), edge_index=edges, y=torch.randint(3, (20,)))
print(data.num_nodes, data.num_edges, data.is_undirected(), degree(edges[0], 20).sum().item())
print(NormalizeFeatures()(AddSelfLoops()(data.clone())).x.sum().item())


class Net(torch.nn.Module):
    def __init__(self, first, second):
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x, edge_index):
        return self.second(F.dropout(self.first(x, edge_index).relu(), 0.2, self.training), edge_index)


def gin(a, b):
    return GINConv(torch.nn.Sequential(torch.nn.Linear(a, b), torch.nn.ReLU(), torch.nn.Linear(b, b)), train_eps=True)


for name, net in {
    "GCN": lambda: Net(GCNConv(6, 8), GCNConv(8, 3)),
    "GAT": lambda: Net(GATConv(6, 4, heads=2), GATConv(8, 3)),
    "SAGE": lambda: Net(SAGEConv(6, 8), SAGEConv(8, 3, aggr="max")),
    "GIN": lambda: Net(gin(6, 8), gin(8, 3)),
}.items():
    torch.manual_seed(0)
    model = net()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)
    for step in range(4):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(data.x, data.edge_index), data.y)
        loss.backward()
        optimizer.step()
        print(name, step, loss.item())
graphs = [
    Data(x=torch.rand(n, 4), edge_index=torch.randint(n, (2, 2 * n)), y=torch.tensor([n % 2])) for n in range(3, 11)
]
torch.manual_seed(1)
for batch in DataLoader(graphs, batch_size=4, shuffle=True):
    print(
        batch, global_mean_pool(batch.x, batch.batch).sum().item(), global_max_pool(batch.x, batch.batch).sum().item()
    )
print(Batch.from_data_list(graphs)[2].num_nodes, to_dense_adj(graphs[0].edge_index).sum().item())
index = torch.tensor([0, 0, 1, 1])
print(scatter(torch.arange(4.0), index, reduce="sum"), softmax(torch.arange(4.0), index))
