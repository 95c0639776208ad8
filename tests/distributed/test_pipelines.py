"""A model in two stages, one in each process, learns what the whole model learns in one process."""

import pytest

from tests.distributed import ranks

PROGRAM = """
import sys
import jtorch as torch, jtorch.nn as nn, jtorch.nn.functional as F, jtorch.distributed as dist
from jtorch.distributed.pipelining import PipelineStage, Schedule1F1B, ScheduleGPipe

dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()

def made():
    torch.manual_seed(5)
    return nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))

def trained(kind, parts):
    torch.manual_seed(1)
    x, y = torch.randn(8, 4), torch.randint(0, 3, (8,))
    whole, model = made(), made()
    stage = PipelineStage(model[:2] if rank == 0 else model[2:], rank, size, torch.device("cpu"))
    schedule = kind(stage, parts, loss_fn=F.cross_entropy)
    optimizers = [torch.optim.Adam(m.parameters(), lr=0.05) for m in (whole, stage.submod)]
    for step in range(3):
        for optimizer in optimizers:
            optimizer.zero_grad()
        expected = whole(x)
        loss = F.cross_entropy(expected, y)
        loss.backward()
        losses = []
        output = schedule.step(x) if rank == 0 else schedule.step(target=y, losses=losses)
        if rank == 0:
            assert output is None
        else:
            assert len(losses) == parts
            torch.testing.assert_close(torch.stack(losses).mean(), loss)
            torch.testing.assert_close(output, expected)
        for optimizer in optimizers:
            optimizer.step()
    for own, other in zip(stage.submod.parameters(), (whole[:2] if rank == 0 else whole[2:]).parameters(), strict=True):
        torch.testing.assert_close(own, other)
    output = schedule.eval(x) if rank == 0 else schedule.eval()
    assert output is None if rank == 0 else torch.allclose(output, whole(x))

trained(ScheduleGPipe, 4)
trained(Schedule1F1B, 4)
trained(Schedule1F1B, 2)
try:
    Schedule1F1B(PipelineStage(nn.Linear(1, 1), rank, size, torch.device("cpu")), 1)
except ValueError as error:
    print(error)
dist.destroy_process_group()
"""


@pytest.mark.long
def test_two_stages_learn_what_one_model_learns(tmp_path):
    path = tmp_path / "stages.py"
    path.write_text(PROGRAM)
    for ended in ranks.check(ranks.run([path])):
        assert "Number of microbatches (1) must be greater" in ended.out
