"""Stores, and what `torch.distributed` has in a program of one process."""

import subprocess
import sys
import threading
from datetime import timedelta

import pytest

import jtorch as torch
import jtorch.distributed as dist

SHORT = timedelta(milliseconds=100)
STORES = {
    "hash": lambda folder: dist.HashStore(),
    "file": lambda folder: dist.FileStore(folder / "store", 1),
    "tcp": lambda folder: dist.TCPStore("127.0.0.1", 0, 1, True),
    "prefix": lambda folder: dist.PrefixStore("a", dist.PrefixStore("b", dist.HashStore())),
}


@pytest.mark.parametrize("kind", STORES)
def test_a_store_keeps_values(kind, tmp_path):
    store = STORES[kind](tmp_path)
    store.set("a", "1")
    store.append("a", "2")
    assert store.get("a") == b"12"
    assert store.add("n", 3) == 3
    assert store.add("n", -1) == 2
    assert store.get("n") == b"2"
    assert store.check(["a", "n"])
    assert not store.check(["a", "b"])
    assert store.compare_set("c", "", "x") == b"x"
    assert store.compare_set("c", "x", "y") == b"y"
    assert store.compare_set("c", "x", "z") == b"y"
    assert store.compare_set("d", "x", "z") == b"x"
    assert not store.check(["d"])
    assert store.multi_get(["a", "n"]) == [b"12", b"2"]
    assert store.get_many(["a", "none"]) == [b"12", None]
    assert store.delete_key("a")
    assert not store.delete_key("a")
    store.queue_push("q", b"\x00\xff")
    assert store.queue_len("q") == 1
    assert store.queue_pop("q") == b"\x00\xff"
    with pytest.raises(dist.QueueEmptyError):
        store.queue_pop("q", block=False)


@pytest.mark.parametrize("kind", STORES)
def test_a_store_waits_no_longer_than_it_may(kind, tmp_path):
    store = STORES[kind](tmp_path)
    store.set_timeout(SHORT)
    assert store.timeout == SHORT
    with pytest.raises(dist.DistStoreError):
        store.get("none")
    with pytest.raises(dist.DistStoreError):
        store.wait(["none"], SHORT)


@pytest.mark.parametrize("kind", STORES)
def test_another_thread_sets_what_a_store_waits_for(kind, tmp_path):
    store = STORES[kind](tmp_path)
    other = store.clone()
    threading.Timer(0.05, other.set, ("late", "here")).start()
    assert store.get("late") == b"here"


def test_a_tcp_store_says_which_keys_it_waited_for():
    store = dist.TCPStore("127.0.0.1", 0, 1, True)
    with pytest.raises(dist.DistStoreError, match=r"wait timeout after 100ms, keys: /q, /r"):
        store.wait(["q", "r"], SHORT)


def test_a_connection_that_ends_is_told():
    store = dist.TCPStore("127.0.0.1", 0, 1, True)
    other = store.clone()
    other.announce("gone")
    assert not store.check(["gone"])
    other.close()
    assert store.get("gone") == b"1"


def test_a_port_that_is_taken_is_a_network_error():
    store = dist.TCPStore("127.0.0.1", 0, 1, True)
    with pytest.raises(dist.DistNetworkError):
        dist.TCPStore("127.0.0.1", store.port, 1, True)


def test_without_a_group():
    assert dist.is_available()
    assert not dist.is_initialized()
    assert dist.group.WORLD is None
    assert dist.GroupMember.NON_GROUP_MEMBER == -100
    missing = "Default process group has not been initialized, please make sure to call init_process_group."
    for call in (dist.get_rank, dist.get_world_size, dist.barrier, lambda: dist.all_reduce(torch.ones(1))):
        with pytest.raises(ValueError, match=missing):
            call()
    assert repr(dist.ReduceOp.SUM) == "<RedOpType.SUM: 0>"
    assert dist.ReduceOp(dist.ReduceOp.SUM) == dist.ReduceOp.SUM
    assert dist.Backend("GLOO") == dist.Backend.GLOO == "gloo"
    with pytest.raises(ValueError, match="Backend constructor parameter must be string-ish"):
        dist.Backend(3)


ALONE = """
import jtorch as torch, jtorch.distributed as dist, sys
x = torch.ones(2, 3)
dist.init_process_group("gloo", init_method="file://" + sys.argv[1], rank=0, world_size=1)
print(dist.get_rank(), dist.get_world_size(), dist.get_backend(), dist.get_backend_config())
dist.all_reduce(x, op=dist.ReduceOp.AVG)
got = [torch.zeros(2, 3)]
dist.all_gather(got, x)
y = torch.zeros(2, 3)
dist.all_to_all_single(y, x)
dist.barrier()
dist.monitored_barrier()
print(torch.equal(got[0], x), torch.equal(y, x), dist.all_reduce(x, async_op=True).wait())
dist.destroy_process_group()
print(dist.is_initialized())
"""


def test_a_group_of_one_process(tmp_path):
    command = [sys.executable, "-c", ALONE, str(tmp_path / "store")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "0 1 gloo cpu:gloo,cuda:gloo\nTrue True True\nFalse\n", done.stderr


def test_importing_jtorch_imports_no_distributed():
    code = "import jtorch, sys; print('jtorch.distributed' in sys.modules, jtorch.distributed.is_available())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "False True\n", done.stderr
