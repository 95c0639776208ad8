"""torch.distributed.checkpoint: a model in parts saved and loaded, also by a save that runs in the background, also as one file."""

import argparse
import os

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
import torch.nn as nn
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save, torch_save_to_dcp
from torch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from torch.distributed.checkpoint.stateful import Stateful
from torch.distributed.fsdp import fully_shard


class AppState(Stateful):
    """What of a program is saved: dcp calls these methods itself."""

    def __init__(self, model, optimizer=None):
        self.model, self.optimizer = model, optimizer

    def state_dict(self):
        model, optimizer = get_state_dict(self.model, self.optimizer)
        return {"model": model, "optim": optimizer}

    def load_state_dict(self, state_dict):
        set_state_dict(
            self.model,
            self.optimizer,
            model_state_dict=state_dict["model"],
            optim_state_dict=state_dict["optim"],
        )


class ToyModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.net1 = nn.Linear(16, 16)
        self.relu = nn.ReLU()
        self.net2 = nn.Linear(16, 8)

    def forward(self, x):
        return self.net2(self.relu(self.net1(x)))


def made(seed):
    torch.manual_seed(seed)
    model = fully_shard(ToyModel())
    return model, torch.optim.Adam(model.parameters(), lr=0.1)


def step(model, optimizer, number):
    torch.manual_seed(number)  # every process gets the same batch
    optimizer.zero_grad()
    loss = model(torch.rand(8, 16)).pow(2).sum()
    loss.backward()
    optimizer.step()
    return loss.item()


def total(model):
    return sum(p.full_tensor().abs().sum().item() for p in model.parameters())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    folder = parser.parse_args().folder
    dist.init_process_group("gloo")
    rank = dist.get_rank()

    model, optimizer = made(0)
    print(f"saved after {step(model, optimizer, 0):.5f}, total {total(model):.5f}")
    dcp.save({"app": AppState(model, optimizer)}, checkpoint_id=os.path.join(folder, "first"))

    other, others_optimizer = made(1)
    dcp.load({"app": AppState(other, others_optimizer)}, checkpoint_id=os.path.join(folder, "first"))
    print(f"loaded, total {total(other):.5f}")
    for number in (1, 2):
        print(f"  {step(model, optimizer, number):.5f} {step(other, others_optimizer, number):.5f}")

    saving = None
    background = dist.new_group(backend="gloo")  # the background thread has messages of its own
    for number in range(3, 6):
        if saving is not None:
            saving.result()
        state, path = {"app": AppState(model, optimizer)}, os.path.join(folder, f"step{number}")
        saving = dcp.async_save(state, checkpoint_id=path, process_group=background)
        print(f"step {number}: {step(model, optimizer, number):.5f}")
    saving.result()
    dcp.load({"app": AppState(other, others_optimizer)}, checkpoint_id=os.path.join(folder, "step5"))
    print(f"step 5 again: {step(other, others_optimizer, 5):.5f}")
    dist.barrier()
    if rank == 0:
        one = os.path.join(folder, "one.pt")
        dcp_to_torch_save(os.path.join(folder, "first"), one)
        state = torch.load(one, weights_only=False)["app"]
        print(sorted(state), {name: tuple(value.shape) for name, value in state["model"].items()})
        alone = ToyModel()
        alone.load_state_dict(state["model"])
        print(f"one file, total {sum(p.detach().abs().sum().item() for p in alone.parameters()):.5f}")
        torch_save_to_dcp(one, os.path.join(folder, "back"))
        print(sorted(os.listdir(folder)))
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
