"""fixtures/distributed.json: what two processes print under PyTorch for the snippets of fixtures/distributed_cases.txt.

And fixtures/checkpoints/in_parts: what two of them save after they have trained a model in parts; and
tests/distributed/tutorials/expected.json: what the programs there print under torchrun.
"""

import json
import shutil
import tempfile
from pathlib import Path

from tests import FIXTURES
from tests.distributed import launched, ranks


def results(library, seconds=300):
    """[{name: what was printed}] for each of two processes."""
    ended = ranks.check(ranks.run(["-m", "tests.distributed.snippets", library], seconds=seconds))
    return [json.loads(one.out.rpartition("results ")[2]) for one in ended]


def make():
    first, second = results("torch")
    lines = [f"{json.dumps(name)}: {json.dumps([first[name], second[name]])}" for name in first]
    (FIXTURES / "distributed.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
    folder = FIXTURES / "checkpoints" / "in_parts"
    shutil.rmtree(folder, ignore_errors=True)
    ranks.check(ranks.run(["-m", "tests.distributed.sharded", "torch", folder], seconds=120))
    told = {}
    for name in launched.PROGRAMS:
        with tempfile.TemporaryDirectory() as made:
            told[name] = launched.printed(name, "torch", Path(made))
    (launched.FOLDER / "expected.json").write_text(json.dumps(told, indent=1) + "\n")
