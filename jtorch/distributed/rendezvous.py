"""`torch.distributed.rendezvous`: how the processes of a program find each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import parse_qs, urlparse

from jtorch.core.facts import config
from jtorch.distributed._c10d.stores import FileStore, PrefixStore, Store, TCPStore
from jtorch.distributed.constants import default_pg_timeout

__all__ = ["register_rendezvous_handler", "rendezvous"]

_handlers: dict[str, Callable] = {}


def register_rendezvous_handler(scheme, handler):
    """Register `handler(url, timeout=...)`, which finds the other processes, for URLs with this scheme.

    Raises:
        RuntimeError: the scheme has a handler already.
    """
    if scheme in _handlers:
        raise RuntimeError(f"Rendezvous handler for {scheme}:// already registered")
    _handlers[scheme] = handler


def rendezvous(url: str, rank: int = -1, world_size: int = -1, **kwargs) -> Iterator[tuple[Store, int, int]]:
    """Find the other processes: an iterator of (store, rank, world_size).

    Args:
        url: "env://", "tcp://host:port" or "file:///path", perhaps with `?rank=0&world_size=2`.

    Raises:
        RuntimeError: an unknown scheme.
        ValueError: the rank, the number of processes or the address is missing.
    """
    if not isinstance(url, str | bytes):
        raise RuntimeError(f"`url` must be a string. {type(url)}: {url}")
    parsed = urlparse(url)
    if parsed.scheme not in _handlers:
        raise RuntimeError(f"No rendezvous handler for {parsed.scheme}://")
    words = {name: values[0] for name, values in parse_qs(parsed.query).items()}
    if rank != -1:
        words["rank"] = str(rank)
    if world_size != -1:
        words["world_size"] = str(world_size)
    return _handlers[parsed.scheme](url, words=words, **kwargs)


def _lacking(scheme, text):
    return ValueError(f"Error initializing torch.distributed using {scheme}:// rendezvous: {text}")


def _from_file(url, words, timeout=default_pg_timeout, **kwargs):
    path = urlparse(url).path
    if not path:
        raise _lacking("file", "path missing")
    if "rank" not in words:
        raise _lacking("file", "rank parameter missing")
    if "world_size" not in words:
        raise _lacking("file", "world size parameter missing")
    rank, world_size = int(words["rank"]), int(words["world_size"])
    yield FileStore(path, world_size), rank, world_size
    raise RuntimeError("Unable to perform rerendezvous using file:// method")


def _from_tcp(url, words, timeout=default_pg_timeout, **kwargs):
    parsed = urlparse(url)
    if parsed.port is None:
        raise _lacking("tcp", "port number missing")
    if "rank" not in words:
        raise _lacking("tcp", "rank parameter missing")
    if "world_size" not in words:
        raise _lacking("tcp", "world size parameter missing")
    rank, world_size = int(words["rank"]), int(words["world_size"])
    yield _tcp_store(parsed.hostname, parsed.port, rank, world_size, timeout), rank, world_size
    raise RuntimeError("Unable to perform re-rendezvous using tcp:// method")


def _from_environment(url, words, timeout=default_pg_timeout, **kwargs):
    def variable(name):
        found = config.variable(name)
        if not found:
            raise _lacking("env", f"environment variable {name} expected, but not set")
        return found

    rank = int(words["rank"] if "rank" in words else variable("RANK"))
    world_size = int(words["world_size"] if "world_size" in words else variable("WORLD_SIZE"))
    host, port = variable("MASTER_ADDR"), int(variable("MASTER_PORT"))
    yield _tcp_store(host, port, rank, world_size, timeout), rank, world_size
    raise RuntimeError("Unable to perform re-rendezvous using env:// method")


def _tcp_store(host, port, rank, world_size, timeout: timedelta):
    """The store of a program: in the process of rank 0, or in the launcher, which says so in the environment."""
    if config.variable("TORCHELASTIC_USE_AGENT_STORE") == "True":
        attempt = config.variable("TORCHELASTIC_RESTART_COUNT") or "0"
        store = TCPStore(host, port, world_size, False, timeout)
        return PrefixStore(f"/worker/attempt_{attempt}", store)
    return TCPStore(host, port, world_size, rank == 0, timeout, multi_tenant=True)


register_rendezvous_handler("tcp", _from_tcp)
register_rendezvous_handler("env", _from_environment)
register_rendezvous_handler("file", _from_file)
