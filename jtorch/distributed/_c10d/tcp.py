"""The server and the client behind `TCPStore`: requests and answers over a socket, a thread for each connection."""

from __future__ import annotations

import base64
import json
import socket
import struct
import threading
import time
import weakref

from jtorch.distributed._c10d.exceptions import DistNetworkError
from jtorch.distributed._c10d.store_table import Table

_LENGTH = struct.Struct("<Q")
_GRACE = 10.0  # an answer may come so many seconds after the server has stopped waiting


def _plain(x):
    """A value in a form that JSON has: bytes become {"b": base64}."""
    if isinstance(x, bytes):
        return {"b": base64.b64encode(x).decode()}
    return [_plain(i) for i in x] if isinstance(x, list | tuple) else x


def _from_plain(x):
    """Undo `_plain`."""
    if isinstance(x, dict):
        return base64.b64decode(x["b"])
    return [_from_plain(i) for i in x] if isinstance(x, list) else x


def _send(connection, message):
    data = json.dumps(_plain(message)).encode()
    connection.sendall(_LENGTH.pack(len(data)) + data)


def _received(connection):
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    return _from_plain(json.loads(_exactly(connection, length)))


def _exactly(connection, length):
    parts = bytearray()
    while len(parts) < length:
        part = connection.recv(min(length - len(parts), 1 << 20))
        if not part:
            raise ConnectionError(
                "Failed to recv, got 0 bytes. Connection was likely closed. Did the remote server shutdown or crash?"
            )
        parts += part
    return bytes(parts)


_servers: weakref.WeakValueDictionary = weakref.WeakValueDictionary()  # port -> the server of this process


class StoreServer:
    """Answers the clients of one store. It ends with the process, or when nothing refers to it."""

    def __init__(self, port):
        self.table = Table()
        try:
            self._socket = socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        except (OSError, ValueError):
            try:
                self._socket = socket.create_server(("", port))
            except OSError as error:
                raise DistNetworkError(
                    f"The server socket has failed to listen on any local network address. port: {port}, useIpv6: false, {error}"
                ) from None
        self.port = self._socket.getsockname()[1]
        accept = threading.Thread(target=_accept, args=(self._socket, self.table), daemon=True, name="TCPStore")
        accept.start()
        self._end = weakref.finalize(self, _close, self._socket)

    @staticmethod
    def on(port, is_shared):
        """A server on a port: a new one, or with `is_shared` the one that this process already has there."""
        found = _servers.get(port) if is_shared else None
        if found is None:
            found = StoreServer(port)
            _servers[found.port] = found
        return found


def _close(connection):
    """Close a socket; threads that wait in it return."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    connection.close()


def _accept(listening, table):
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_serve, args=(connection, table), daemon=True, name="TCPStore client").start()


def _serve(connection, table):
    """Answer one client until its connection ends."""
    set_at_end = []
    try:
        while True:
            what, *given = _received(connection)
            if what == "announce":
                set_at_end.append(given[0])
                answer = None
            else:
                answer = getattr(table, what)(*(given if what != "keys" else ()))
            _send(connection, ["answer", answer])
    except (OSError, ValueError, TypeError, AttributeError, struct.error):
        pass
    finally:
        for key in set_at_end:
            table.set(key, b"1")
        _close(connection)


class StoreClient:
    """A connection to a store. Threads that use it at the same time wait for each other."""

    def __init__(self, host, port, seconds):
        self._lock = threading.Lock()
        self._socket = _connection_to(host, port, seconds)
        self._end = weakref.finalize(self, _close, self._socket)

    def ask(self, what, *given):
        """The answer to a request that the server answers at once."""
        return self._asked([what, *given], _GRACE * 6)

    def wait(self, what, keys, seconds):
        """The answer to a request for which the server may wait so many seconds; None if it waited in vain."""
        return self._asked(["wait", what, keys, seconds], seconds + _GRACE)

    def _asked(self, message, seconds):
        with self._lock:
            try:
                self._socket.settimeout(seconds)
                _send(self._socket, message)
                return _received(self._socket)[1]
            except OSError as error:
                raise DistNetworkError(str(error)) from None
            except BaseException:  # Ctrl-C: the answer would be taken for that of the next request
                self.close()
                raise

    def close(self):
        _close(self._socket)


def _connection_to(host, port, seconds):
    """A connection. It is tried for so many seconds, because the server may start later."""
    end = time.monotonic() + seconds
    while True:
        try:
            made = socket.create_connection((host, port), timeout=max(end - time.monotonic(), 0.1))
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return made
        except OSError as error:
            if time.monotonic() >= end:
                raise DistNetworkError(
                    f"The client socket has timed out after {round(seconds * 1000)}ms while trying to connect to ({host}, {port}): {error}"
                ) from None
            time.sleep(0.05)
