"""Worker processes, forked from a helper process that never ran JAX, and not from the main program.

JAX runs threads, and a fork of a process with threads hangs when it needs a lock that one of them held. So the main
program starts one fresh interpreter, the server. It imports jtorch, starts no JAX backend, and waits. Each worker is a
fork of the server. A process notices on its socket that the other end is closed: when the main program ends, the server
ends, and its workers with it.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import socket
import struct
import subprocess
import sys

from jtorch.utils.data._utils import messages
from jtorch.utils.data._utils.worker import Failure, Worker

START = "import sys; sys.path[:] = {path!r}; from jtorch.utils.data._utils.server import serve; serve({descriptor})"
# A worker computes on the CPU, with one thread for NumPy as in PyTorch, because several workers share the cores.
SETTINGS = {"JAX_PLATFORMS": "cpu", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
PID = struct.Struct("<Q")


# ---- in the main program


class Server:
    """The helper process, as the main program uses it."""

    def __init__(self):
        self.owner = os.getpid()
        self.socket, theirs = socket.socketpair()
        with theirs:
            command = START.format(path=sys.path, descriptor=theirs.fileno())
            self.process = subprocess.Popen(
                [sys.executable, "-c", command],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C goes to the main program, which then closes the sockets
                env=os.environ | SETTINGS,
            )

    def is_alive(self) -> bool:
        """Whether it is running and belongs to this process: a fork of the main program needs its own."""
        return self.owner == os.getpid() and self.process.poll() is None

    def fork(self) -> tuple[socket.socket, int]:
        """Start a worker. Returns its socket and its process id.

        Raises:
            OSError: the helper process is gone.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                socket.send_fds(self.socket, [b"w"], [theirs.fileno()])
            (pid,) = PID.unpack(messages.read(ours, PID.size))  # from the worker: no answer can be taken for another's
        except (EOFError, ConnectionError):
            ours.close()
            raise OSError("the process that forks workers has ended") from None
        except BaseException:  # Ctrl-C: the worker ends when it finds its socket closed
            ours.close()
            raise
        return ours, pid

    def close(self) -> None:
        """End the helper process and every worker."""
        if self.owner == os.getpid():
            self.socket.close()
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()


_servers: list[Server] = []


def server() -> Server:
    """The helper process of this program. The first call starts it.

    Raises:
        OSError: this system has no fork, or the process could not be started.
    """
    if not hasattr(os, "fork") or not hasattr(socket, "send_fds") or not sys.executable:
        raise OSError("worker processes need a system with fork")
    if not _servers or not _servers[0].is_alive():
        _servers[:] = [Server()]
        atexit.register(_servers[0].close)
    return _servers[0]


def warm_up() -> None:
    """Start the server now, so that it is ready when it is needed. An error is ignored; it comes again when the server is used."""
    try:
        server()
    except OSError:
        pass


def process_state() -> dict:
    """The state of the main program that a fork of it would have: its module search path, its working directory, ..."""
    try:
        folder = os.getcwd()
    except FileNotFoundError:
        folder = None
    return {"path": sys.path, "argv": sys.argv, "folder": folder, "environ": dict(os.environ)}


# ---- in the server, and in the workers


def serve(descriptor: int) -> None:
    """Fork a worker for each socket that is received."""
    signal.signal(
        signal.SIGCHLD, signal.SIG_IGN
    )  # nobody waits for the workers, so let the system remove them when they end
    gc.freeze()  # memory is shared with every worker until it is written, and a garbage collection would write
    with socket.socket(fileno=descriptor) as requests:
        while True:
            message, descriptors, _, _ = socket.recv_fds(requests, 1, 1)
            if not message:
                os.killpg(0, signal.SIGKILL)
            if os.fork() == 0:
                requests.close()
                be_worker(descriptors[0])
            os.close(descriptors[0])


def be_worker(descriptor: int) -> None:
    """Run a worker process, from the fork to `os._exit`."""
    status = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        with socket.socket(fileno=descriptor) as main:
            main.sendall(PID.pack(os.getpid()))
            work(main)
        status = 0
    except (EOFError, ConnectionError):
        status = 0  # the main program has closed the socket
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def work(main: socket.socket) -> None:
    number, around = messages.receive(main)
    sys.path[:], sys.argv[:] = around["path"], around["argv"]
    os.environ.update(around["environ"] | SETTINGS)
    if around["folder"] is not None:
        os.chdir(around["folder"])
    try:
        job = messages.receive(main)
    except EOFError:
        raise
    except BaseException as error:
        messages.send(f"{type(error).__name__}: {error}", main)
        return
    messages.send(None, main)
    worker = Worker(job, number)
    while True:
        for answer in worker.answers(messages.receive(main)):
            with packed(answer, worker.where) as sendable:
                sendable.send(main)


def packed(answer: tuple | None, where: str) -> messages.Message:
    """The packed answer; if it cannot be sent, a packed error."""
    try:
        return messages.Message(answer)
    except Exception as error:
        return messages.Message((answer[0], Failure.caught(error, where)))
