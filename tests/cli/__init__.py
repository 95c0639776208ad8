"""The command `jtorch`, and `import jtorch.as_torch`."""

import os
import subprocess
import sys

from tests import ROOT

COMMAND = [sys.executable, str(ROOT / "jtorch_command.py")]


def finished(command, folder, text="", **environment):
    """(exit code, stdout, stderr) of a program in a folder, which finds jtorch wherever that is."""
    path = os.pathsep.join(filter(None, [str(ROOT), environment.pop("PYTHONPATH", "")]))
    done = subprocess.run(
        command,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "JAX_PLATFORMS": "cpu"} | environment,
        input=text,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr
