"""Models in parts: the curve of one process, the memory of a part, and checkpoints that any number of processes read."""

import json
import os

import pytest

import jtorch as torch
import jtorch.distributed as dist
import jtorch.distributed.checkpoint as checkpoint
import jtorch.distributed.tensor as tensors
from jtorch.distributed.checkpoint import format_utils
from jtorch.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
from tests import FIXTURES
from tests.distributed import ranks, sharded

PYTORCHS = FIXTURES / "checkpoints" / "in_parts"  # written by two processes under PyTorch


@pytest.fixture(scope="module")
def four(tmp_path_factory):
    """(folder of the checkpoint, what each of four processes told)."""
    folder = tmp_path_factory.mktemp("in_parts")
    ended = ranks.check(ranks.run(["-m", "tests.distributed.sharded", "jtorch", folder], size=4, seconds=200))
    return folder, [json.loads(one.out.rpartition("results ")[2]) for one in ended]


@pytest.fixture(scope="module")
def one():
    return sharded.trained(torch)


def test_four_processes_have_the_curve_of_one(four, one):
    for told in four[1]:
        assert told["losses"] == pytest.approx([loss.item() for loss in one[2]], abs=1e-5)


def test_each_process_holds_its_part(four, one):
    total = sum(p.numel() for p in one[0].parameters())
    told = four[1]
    assert sum(t["parameters"] for t in told) == total
    assert all(t["moments"] == 2 * t["parameters"] for t in told)
    assert max(t["parameters"] for t in told) < 0.4 * total


@pytest.mark.parametrize("what", ["batch norm", "grid"])
def test_what_is_in_parts_is_what_is_whole(what, four):
    """SyncBatchNorm of a quarter of a batch, and a model cut by columns, rows and data over two times two processes."""
    assert all(told["differences"][what] < 2e-6 for told in four[1])


@pytest.mark.parametrize("written_by", ["four processes", "PyTorch"])
def test_one_process_goes_on_from_the_parts(written_by, four, one):
    folder = PYTORCHS if written_by == "PyTorch" else four[0]
    model, optimizer, _ = sharded.trained(torch, steps=0)
    optimizer.param_groups[0]["lr"] = 7.0
    parts, states = get_state_dict(model, optimizer)
    state = {"model": parts, "optimizer": states, "step": 0, "notes": ["", {"b": torch.zeros(3, dtype=torch.int64)}]}
    checkpoint.load(state, checkpoint_id=folder)
    set_state_dict(model, optimizer, model_state_dict=state["model"], optim_state_dict=state["optimizer"])
    assert (state["step"], state["notes"][0], state["notes"][1]["b"].tolist()) == (4, "a", [0, 1, 2])
    assert optimizer.param_groups[0]["lr"] == 0.03
    for mine, theirs in zip(model.parameters(), one[0].parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)
        for name, value in one[1].state[theirs].items():
            torch.testing.assert_close(optimizer.state[mine][name], value, atol=1e-5, rtol=1e-3)


@pytest.mark.filterwarnings("ignore")
def test_pytorch_reads_the_parts(four, one):
    theirs = pytest.importorskip("torch", reason="parity: PyTorch is not installed")
    from torch.distributed import checkpoint as pytorchs

    state = {"model": {"0.weight": theirs.zeros(9, 6)}, "step": 0}
    pytorchs.load(state, checkpoint_id=four[0], no_dist=True)
    assert state["step"] == 4
    assert state["model"]["0.weight"].flatten().tolist() == pytest.approx(one[0][0].weight.flatten().tolist(), abs=1e-5)


def test_what_is_not_there_is_told(four):
    for wrong in ({"nothing": torch.zeros(1)}, {"model": {"0.weight": torch.zeros(2, 2)}}):
        with pytest.raises(checkpoint.CheckpointException):
            checkpoint.load(wrong, checkpoint_id=four[0])
    with pytest.raises(checkpoint.CheckpointException):
        checkpoint.load({"a": 1}, checkpoint_id=four[0] / "elsewhere")


def test_a_file_of_torch_save_and_back(tmp_path):
    state = {"a": torch.arange(4.0), "b": {"c": [1, torch.ones(2, 2)], "d": "text"}, "e": {}}
    torch.save(state, tmp_path / "one.pt")
    format_utils.torch_save_to_dcp(tmp_path / "one.pt", tmp_path / "parts")
    format_utils.dcp_to_torch_save(tmp_path / "parts", tmp_path / "two.pt")
    back = torch.load(tmp_path / "two.pt")
    assert str(back) == str({k: v for k, v in state.items() if k != "e"})


def test_an_interrupted_save_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    checkpoint.save({"a": torch.zeros(2)}, checkpoint_id=tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", lambda *names: (_ for _ in ()).throw(OSError("no space")))
        with pytest.raises(checkpoint.CheckpointException):
            checkpoint.save({"a": torch.ones(2)}, checkpoint_id=tmp_path)
    state = {"a": torch.full((2,), 5.0)}
    checkpoint.load(state, checkpoint_id=tmp_path)
    assert state["a"].tolist() == [0, 0]
    future = checkpoint.async_save({"a": torch.ones(2)}, checkpoint_id=tmp_path)
    future.result()
    checkpoint.load(state, checkpoint_id=tmp_path)
    assert state["a"].tolist() == [1, 1]
    assert len(os.listdir(tmp_path)) == 2


@pytest.fixture
def alone():
    """A mesh of one process."""
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield tensors.init_device_mesh("cpu", (1,))
    dist.destroy_process_group()


WRITES = {
    "by an index": lambda d: d.__setitem__(0, 1.0),
    "to a row": lambda d: d[0].fill_(1),
    "to a shape that is no longer in parts": lambda d: d.view(-1)[:2].zero_(),
    "random, to a row": lambda d: d[0].normal_(),
    "of an op without a rule": lambda d: d.cumsum_(0),
    "by out=": lambda d: torch.exp(d, out=d),
    "a sum in parts": lambda d: d.sum(0).add_(1),
}


@pytest.mark.parametrize("how", WRITES)
def test_a_write_that_would_be_lost_is_refused(how, alone):
    made = tensors.distribute_tensor(torch.ones(2, 3), alone, [tensors.Shard(0)])
    with pytest.raises(NotImplementedError):
        WRITES[how](made)
    assert made.full_tensor().tolist() == torch.ones(2, 3).tolist()


@pytest.mark.parametrize("name", ["Muon", "Adafactor"])
def test_an_optimizer_that_looks_at_whole_parameters_is_refused(name, alone):
    p = torch.nn.Parameter(tensors.distribute_tensor(torch.ones(2, 3), alone, [tensors.Shard(0)]))
    (p * p).sum().backward()
    with pytest.raises(NotImplementedError, match=name):
        getattr(torch.optim, name)([p]).step()


@pytest.mark.parametrize("name", ["trunc_normal_", "orthogonal_", "xavier_uniform_", "kaiming_normal_", "eye_"])
def test_parameters_in_parts_begin_as_whole_ones(name, alone):
    made = tensors.distribute_tensor(torch.empty(4, 6), alone, [tensors.Shard(0)])
    torch.manual_seed(3)
    getattr(torch.nn.init, name)(made)
    torch.manual_seed(3)
    assert made.full_tensor().tolist() == getattr(torch.nn.init, name)(torch.empty(4, 6)).tolist()
