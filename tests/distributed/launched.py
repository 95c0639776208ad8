"""Runs the programs of tutorials/ in two processes, by the launcher of either library."""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests import ROOT
from tests.distributed import ranks
from tests.programs.test_tutorials import with_jtorch

FOLDER = Path(__file__).parent / "tutorials"
# program -> its arguments; "{folder}" stands for an empty folder. "--" ends those of the launcher.
PROGRAMS = {
    "writing_applications": [],
    "ddp": [],
    "ddp_trainer": ["--max-restarts", "1", "--", "5", "2", "--snapshot", "{folder}/snapshot.pt", "--fails-in", "3"],
    "fully_sharded": [],
    "tensor_parallel": [],
    "checkpoints": ["--", "{folder}"],
}
_LINE = re.compile(r"\[default(\d)\]:(.*)")


def start(library, path, launchers, arguments):
    """Start a launcher with two processes, or as many as its options say. Returns the process."""
    module = "torch.distributed.run" if library == "torch" else "jtorch.distributed.run"
    command = [sys.executable, "-m", module, "--tee", "3", *launchers, path, *arguments]
    environment = {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        list(map(str, command)),
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        cwd=ROOT,
    )


def of_ranks(out):
    """[what each rank printed, as a list of lines], from the output of a launcher. Gloo's own messages are left out."""
    found = {}
    for line in out.splitlines():
        if (match := _LINE.match(line)) and not match[2].startswith("[Gloo]"):
            found.setdefault(int(match[1]), []).append(match[2])
    return [found.get(rank, []) for rank in range(max(found, default=-1) + 1)]


def printed(name, library, folder, seconds=180):
    """What both processes of a program print."""
    launchers, arguments = ["--standalone", "--nproc-per-node", "2"], list(PROGRAMS[name])
    if "--" in arguments:
        cut = arguments.index("--")
        launchers, arguments = launchers + arguments[:cut], arguments[cut + 1 :]
    inside = folder / "inside"
    inside.mkdir()
    path = FOLDER / f"{name}.py"
    if library != "torch":
        path = folder / f"{name}.py"
        path.write_text(with_jtorch((FOLDER / f"{name}.py").read_text()))
    process = start(library, path, launchers, [a.replace("{folder}", str(inside)) for a in arguments])
    (ended,) = ranks.check(ranks.finish([process], seconds))
    return of_ranks(ended.out)
