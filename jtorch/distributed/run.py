"""`python -m jtorch.distributed.run`: starts the processes of a program, as `torchrun` does.

    python -m jtorch.distributed.run --nproc-per-node 2 train.py --epochs 3
    python -m jtorch.distributed.run --nnodes 2 --nproc-per-node 4 --rdzv-backend c10d --rdzv-endpoint host0:29400 train.py

Each line that a process prints has its local rank in front. When a process fails, the launcher ends all of them, and starts them
again at most `--max-restarts` times. No process outlives the launcher.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import os
import socket
import sys
import time
import uuid
from datetime import timedelta

from jtorch.core.facts import config
from jtorch.distributed._c10d.exceptions import DistError, DistNetworkError
from jtorch.distributed._c10d.stores import PrefixStore, TCPStore
from jtorch.distributed.elastic.multiprocessing.errors import ChildFailedError
from jtorch.distributed.elastic.multiprocessing.processes import Processes, Stopped

__all__ = ["get_args_parser", "main", "parse_args", "run"]

_PATIENCE = 600  # seconds that the hosts wait for each other, if --rdzv-conf does not say
_ENDS = 30.0  # seconds that the launchers of other hosts have to end their processes after a failure


def get_args_parser() -> argparse.ArgumentParser:
    """The parser of torchrun's options."""
    parser = argparse.ArgumentParser(prog="jtorch.distributed.run", description=__doc__.splitlines()[0])

    def option(name, **settings):
        parser.add_argument(f"--{name}", f"--{name.replace('-', '_')}", **settings)

    option("nnodes", default="1:1", help="how many hosts: N, or N:N")
    option("nproc-per-node", default="1", help="how many processes on each: a number, auto, cpu or gpu")
    option("rdzv-backend", default="static", help="static, or c10d: the first host that comes keeps the store")
    option("rdzv-endpoint", default="", help="host:port of the store")
    option("rdzv-id", default="none", help="the name of the run")
    option("rdzv-conf", default="", help="timeout=seconds: how long the hosts wait for each other")
    parser.add_argument("--standalone", action="store_true", help="one host, and a free port")
    option("max-restarts", type=int, default=0, help="how often to start again after a failure")
    option("monitor-interval", type=float, default=0.1, help="seconds between two looks at the processes")
    option("start-method", default="spawn", choices=["spawn", "fork", "forkserver"], help="has no effect")
    parser.add_argument("--role", default="default", help="the name in front of what the processes print")
    parser.add_argument("-m", "--module", action="store_true", help="the script is a module, as for python -m")
    option("no-python", action="store_true", help="the script is a program of its own")
    option("run-path", action="store_true", help="run the script by runpy.run_path")
    option("log-dir", default=None, help="a folder for what the processes print")
    parser.add_argument("-r", "--redirects", default="0", help="what goes to files only: 1 stdout, 2 stderr, 3 both")
    parser.add_argument(
        "-t", "--tee", default="3", help="what goes to the console with the rank in front, and to files"
    )
    option("local-ranks-filter", default="", help="print only what these ranks print: 0,1")
    option("node-rank", type=int, default=0, help="the number of this host")
    option("master-addr", default="127.0.0.1", help="the host with number 0")
    option("master-port", type=int, default=29500, help="a port of it; 0: a free one")
    option("local-addr", default=None, help="has no effect")
    parser.add_argument("training_script", help="the script, and its arguments")
    parser.add_argument("training_script_args", nargs=argparse.REMAINDER)
    return parser


def parse_args(args):
    return get_args_parser().parse_args(args)


def _hosts(text):
    parts = [int(part) for part in str(text).split(":")]
    if len(parts) == 2 and parts[0] != parts[1]:
        raise ValueError(f"--nnodes {text}: the number of hosts must be known; jtorch does not wait for more or fewer")
    return parts[-1]


def _processes(text):
    """How many processes there are on this host."""
    if text.isdigit():
        return int(text)
    gpus, cores = len(config.nvidia_devices()), os.cpu_count()
    known = dict(auto=gpus or cores, cpu=cores, gpu=gpus)
    if text not in known:
        raise ValueError(f"Unsupported nproc_per_node value: {text}")
    if not known[text]:
        raise ValueError("Cuda is not available.")
    return known[text]


def _patience(text):
    """How long the hosts wait for each other, of --rdzv-conf; with c10d PyTorch calls it join_timeout."""
    settings = {}
    for part in filter(None, text.split(",")):
        name, _, value = map(str.strip, part.partition("="))
        if not name:
            raise ValueError(
                "The rendezvous configuration string must be in format <key1>=<value1>,...,<keyN>=<valueN>."
            )
        if not value:
            raise ValueError(f"The rendezvous configuration option '{name}' must have a value specified.")
        settings[name] = value
    return timedelta(seconds=int(settings.get("timeout", settings.get("join_timeout", _PATIENCE))))


class _Rendezvous:
    """The rendezvous of the hosts: their store, and the number of this host."""

    def __init__(self, args):
        self.hosts = 1 if args.standalone else _hosts(args.nnodes)
        self.patience = _patience(args.rdzv_conf)
        host, port = "127.0.0.1", 0
        if self.hosts > 1 and args.rdzv_backend == "c10d":
            host, _, port = args.rdzv_endpoint.partition(":")
            self.store, is_first = self._first_store(host, int(port or 29400))
            self.number = 0 if is_first else self.store.add("hosts", 1)
        elif self.hosts > 1:
            host, port, self.number = args.master_addr, args.master_port, args.node_rank
            if args.rdzv_endpoint:
                host, _, port = args.rdzv_endpoint.partition(":")
            self.store = TCPStore(host, int(port), self.hosts, self.number == 0, self.patience, wait_for_workers=False)
        else:
            self.number = 0
            self.store = TCPStore(host, 0, None, True, self.patience)
        self.host, self.port = host, self.store.port
        if not 0 <= self.number < self.hosts:
            raise ValueError(f"host number {self.number} of {self.hosts}")

    def _first_store(self, host, port):
        """The store at an address. It is in this process if the address is this host's and no other process serves it."""
        if _is_here(host):
            try:
                return TCPStore(host, port, None, True, self.patience, wait_for_workers=False), True
            except DistError:
                pass  # another launcher on this host was first
        return TCPStore(host, port, None, False, self.patience), False

    def ranks(self, here, attempt):
        """(the rank of the first process here, how many there are in all)."""
        store = self._of(attempt)
        if self.hosts > 1:
            self.store.announce(f"launch/{attempt}/lost/{self.number}")
        store.set(f"processes/{self.number}", str(here))
        counts = [int(store.get(f"processes/{n}")) for n in range(self.hosts)]
        return sum(counts[: self.number]), sum(counts)

    def has_failed(self, attempt):
        """Whether a process of another host has failed, or the launcher there."""
        if self.hosts == 1:
            return False
        try:
            lost = [f"lost/{n}" for n in range(self.hosts) if n != self.number]
            return any(answer is not None for answer in self._of(attempt).get_many(["failed", *lost]))
        except DistNetworkError:
            return True  # the launcher that had the store has ended

    def all_succeed(self, attempt, failed):
        """Wait until the processes of all hosts have ended. Returns whether none of them has failed."""
        if self.hosts == 1:
            return not failed
        store, keys = self._of(attempt), [f"ended/{n}" for n in range(self.hosts)]
        with contextlib.suppress(DistNetworkError):
            if failed:
                store.set("failed", "1")
            store.set(f"ended/{self.number}", "1")
            came = self._wait_for_all(store, keys, _ENDS if failed else None, attempt)
            failed = not came or store.check(["failed"])
            store.set(f"read/{self.number}", "1")
            if self.number == 0:  # the store ends with this launcher
                self._wait_for_all(store, [f"read/{n}" for n in range(self.hosts)], _ENDS, attempt)
        return not failed

    def _wait_for_all(self, store, keys, seconds, attempt):
        """Wait until all keys are set. Returns whether they are; it gives up some time after a failure."""
        end = None if seconds is None else time.monotonic() + seconds
        while None in store.get_many(keys):
            if end is None and self.has_failed(attempt):
                end = time.monotonic() + _ENDS
            if end is not None and time.monotonic() > end:
                return False
            time.sleep(0.05)
        return True

    def _of(self, attempt):
        return PrefixStore(f"launch/{attempt}", self.store)


def _is_here(host):
    try:
        addresses = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            try:
                trial.bind((address, 0))
                return True
            except OSError:
                continue
    return False


def _command(args):
    """The command of each process, as a list."""
    if args.no_python:
        if args.module:
            raise ValueError("Don't use both the '--no-python' flag and the '--module' flag at the same time.")
        return [args.training_script, *args.training_script_args]
    start = [sys.executable, "-u"]
    if args.module:
        start.append("-m")
    return [*start, args.training_script, *args.training_script_args]


def run(args) -> None:
    """Start the processes and wait for them.

    Raises:
        ChildFailedError: one has failed, and it may not be started again.
    """
    rendezvous, here = _Rendezvous(args), _processes(args.nproc_per_node)
    name = uuid.uuid4().hex if args.rdzv_id == "none" else args.rdzv_id
    for attempt in range(args.max_restarts + 1):
        first, total = rendezvous.ranks(here, attempt)
        shared = {
            "WORLD_SIZE": total,
            "LOCAL_WORLD_SIZE": here,
            "GROUP_RANK": rendezvous.number,
            "GROUP_WORLD_SIZE": rendezvous.hosts,
            "ROLE_NAME": args.role,
            "ROLE_WORLD_SIZE": total,
            "MASTER_ADDR": rendezvous.host,
            "MASTER_PORT": rendezvous.port,
            "TORCHELASTIC_RESTART_COUNT": attempt,
            "TORCHELASTIC_MAX_RESTARTS": args.max_restarts,
            "TORCHELASTIC_RUN_ID": name,
            "TORCHELASTIC_USE_AGENT_STORE": True,
        }
        if here > 1 and config.variable("OMP_NUM_THREADS") is None:
            shared["OMP_NUM_THREADS"] = 1
        own = [{"LOCAL_RANK": i, "RANK": first + i, "ROLE_RANK": first + i} for i in range(here)]
        processes = Processes(_command(args), [shared | one for one in own], args)
        failures = processes.wait(functools.partial(rendezvous.has_failed, attempt))
        if rendezvous.all_succeed(attempt, bool(failures)):
            return
    raise ChildFailedError(args.training_script, failures or processes.failures({0: 1}))


def main(args=None) -> None:
    """The command. It exits with 1 where a process has failed."""
    try:
        run(parse_args(args))
    except ChildFailedError as error:
        print(error, file=sys.stderr)
        raise SystemExit(1) from None
    except Stopped as stopped:
        raise SystemExit(128 + stopped.signal) from None


if __name__ == "__main__":
    main()
