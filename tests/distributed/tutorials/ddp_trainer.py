"""A trainer that torchrun starts: it saves snapshots, and goes on from the last one when it is started again."""

import argparse
import os

import torch
import torch.nn.functional as F
from torch.distributed import destroy_process_group, init_process_group
from torch.distributed.elastic.multiprocessing.errors import record
from torch.nn.parallel import DistributedDataParallel as DDP
from torch.utils.data import DataLoader, Dataset
from torch.utils.data.distributed import DistributedSampler


class RandomPairs(Dataset):
    def __init__(self, size):
        self.size = size
        generator = torch.Generator().manual_seed(0)
        x = torch.rand(size, 20, generator=generator)
        self.data = list(zip(x, x.sum(1, keepdim=True), strict=True))

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        return self.data[index]


class Trainer:
    def __init__(self, model, train_data, optimizer, save_every, snapshot_path, fails_in):
        self.local_rank = int(os.environ["LOCAL_RANK"])
        self.global_rank = int(os.environ["RANK"])
        self.model, self.train_data, self.optimizer = model, train_data, optimizer
        self.save_every, self.snapshot_path, self.fails_in = save_every, snapshot_path, fails_in
        self.epochs_run = 0
        if os.path.exists(snapshot_path):
            self.load_snapshot(snapshot_path)
        self.model = DDP(self.model)

    def load_snapshot(self, path):
        snapshot = torch.load(path, map_location="cpu")
        self.model.load_state_dict(snapshot["MODEL_STATE"])
        self.optimizer.load_state_dict(snapshot["OPTIMIZER_STATE"])
        self.epochs_run = snapshot["EPOCHS_RUN"]
        print(f"[{self.global_rank}] goes on at epoch {self.epochs_run}")

    def save_snapshot(self, epoch):
        snapshot = {
            "MODEL_STATE": self.model.module.state_dict(),
            "OPTIMIZER_STATE": self.optimizer.state_dict(),
            "EPOCHS_RUN": epoch + 1,
        }
        torch.save(snapshot, self.snapshot_path)

    def run_batch(self, source, targets):
        self.optimizer.zero_grad()
        loss = F.mse_loss(self.model(source), targets)
        loss.backward()
        self.optimizer.step()
        return loss

    def run_epoch(self, epoch):
        size = len(next(iter(self.train_data))[0])
        self.train_data.sampler.set_epoch(epoch)
        losses = [self.run_batch(source, targets) for source, targets in self.train_data]
        mean = torch.stack(losses).mean().item()
        print(f"[{self.global_rank}] epoch {epoch} | batch {size} | steps {len(self.train_data)} | loss {mean:.6f}")

    def train(self, max_epochs):
        for epoch in range(self.epochs_run, max_epochs):
            self.run_epoch(epoch)
            if self.global_rank == 0 and epoch % self.save_every == 0:
                self.save_snapshot(epoch)
            if epoch == self.fails_in and self.global_rank == 1 and os.environ["TORCHELASTIC_RESTART_COUNT"] == "0":
                raise RuntimeError("this process fails once")


@record
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("total_epochs", type=int)
    parser.add_argument("save_every", type=int)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--snapshot", required=True)
    parser.add_argument("--fails-in", type=int, default=-1, help="the epoch after which rank 1 fails the first time")
    args = parser.parse_args()

    init_process_group(backend="gloo")
    torch.manual_seed(0)
    model = torch.nn.Linear(20, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    data = RandomPairs(256)
    loader = DataLoader(data, batch_size=args.batch_size, shuffle=False, sampler=DistributedSampler(data))
    trainer = Trainer(model, loader, optimizer, args.save_every, args.snapshot, args.fails_in)
    trainer.train(args.total_epochs)
    destroy_process_group()


if __name__ == "__main__":
    main()
