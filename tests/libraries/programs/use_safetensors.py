"""save and load files, bytes, slices and models with shared weights"""

import os
import tempfile

import torch
from safetensors import safe_open
from safetensors.torch import load, load_file, load_model, save, save_file, save_model
from torch import nn

torch.manual_seed(0)
tensors = {
    "a": torch.randn(3, 4),
    "half": torch.randn(5).to(torch.bfloat16),
    "whole": torch.arange(6).reshape(2, 3),
    "t": torch.randn(2, 3).t().contiguous(),
    "bool": torch.tensor([True, False]),
}
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "x.safetensors")
    save_file(tensors, path, metadata={"made": "here"})
    for name, value in sorted(load_file(path).items()):
        print(name, value.dtype, value)
    with safe_open(path, framework="pt", device="cpu") as file:
        print(sorted(file.keys()), file.metadata(), file.get_tensor("a").sum())
        part = file.get_slice("a")
        print(part.get_shape(), part[1:, :2])
    print(sorted(load(save(tensors))))
    try:
        save_file({"a": tensors["a"], "b": tensors["a"]}, path)
    except RuntimeError as error:
        print(str(error).strip().splitlines()[0][:40])

    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.inside = nn.Embedding(5, 3)
            self.outside = nn.Linear(3, 5, bias=False)
            self.outside.weight = self.inside.weight

    model, other = Tied(), Tied()
    save_model(model, path)
    print(load_model(other, path), torch.equal(model.inside.weight, other.outside.weight))
    with torch.no_grad():
        other.inside.weight += 1  # what was loaded can be written to
    print(other.outside.weight.sum())
