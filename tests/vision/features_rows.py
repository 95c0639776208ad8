"""Rows for `models.feature_extraction`: code -> how far its numbers may be from torchvision's."""

FEATURES_SAMPLE = """
class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = torch.nn.Linear(4, 4)
        self.scale = torch.nn.Parameter(torch.tensor(2.0))
        self.drop = torch.nn.Dropout(0.5)
    def forward(self, x):
        y = torch.nn.functional.relu(self.fc(x)) + x
        a, b = y.chunk(2, dim=1)
        y = torch.cat([b, a], 1) * self.scale
        return self.drop(y) if self.training else y
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = Block(), Block()
        self.head = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 2))
        self.unused = torch.nn.Linear(3, 3)
    def forward(self, x):
        return {"out": self.head(self.second(self.second(self.first(x))))}
class Looks(torch.nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x
class Holds(Looks):
    def __init__(self):
        super().__init__()
        self.part = Looks()
    def forward(self, x):
        return self.part(x) + 1
x4 = torch.arange(12.0).reshape(3, 4) / 10
def nodes(*args, **options): return [list(names) for names in fe.get_graph_node_names(*args, **options)]
def extracted(*args, **options): return fe.create_feature_extractor(*args, **options)
def warned(function, *args):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        function(*args)
    return [str(w.message) for w in seen]
"""

FEATURES = """
nodes(Net(), suppress_diff_warning=True)
warned(nodes, Net())
warned(extracted, Net(), ['first'])
extracted(Net().eval(), ['first', 'second_1', 'head.1'])(x4)
extracted(Net().eval(), {'first.fc': 'a', 'second.add': 'b', 'first': 'c'})(x4)
m = extracted(Net().eval(), {'second.relu': 'a'}); [list(m.state_dict()), m.training, type(m).__name__]
m = extracted(Net(), train_return_nodes=['first.drop'], eval_return_nodes=['first.mul']); [m(x4), m.eval()(x4), m.train()(x4)]
n = Net().eval(); m = extracted(n, ['first.fc']); n.first.fc.weight.data.zero_(); m(x4)
import copy; m = copy.deepcopy(extracted(Net(), ['head'])).eval(); [m(x4), m.training, list(m.state_dict())]
extracted(Net(), ['third'])
extracted(Net(), ['first.f'])
extracted(Net())
extracted(Net(), ['first'], ['first'], ['second'])
extracted(Net(), train_return_nodes=['first'])
nodes(Looks())
nodes(Holds(), {'leaf_modules': [Looks]})
extracted(Holds(), ['part'], tracer_kwargs={'leaf_modules': [Looks]}).eval()(x4 - 9)
nodes(models.resnet18())[1][-8:]
m = extracted(models.resnet18(num_classes=3).eval(), {'layer1': 'a', 'layer4.1.add': 'b', 'flatten': 'c'}); m(batch)
m = extracted(models.shufflenet_v2_x0_5(num_classes=3).eval(), {'stage2.1.chunk': 'a', 'mean': 'b'}); m(batch)
""".strip().splitlines()
FEATURES = dict.fromkeys(FEATURES, 2e-5)
