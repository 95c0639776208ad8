"""fixtures/programs.json and docs/programs.md: what public programs do under `jtorch run`, against PyTorch.

python -m tests.make programs CHECKOUTS [WORD ...]

CHECKOUTS is a folder with checkouts of karpathy/minGPT, karpathy/nanoGPT, pytorch/examples (examples) and pytorch/tutorials
(tutorials), and of any repositories in `drawn`, of which two single files each are drawn. Each program runs offline, on one
core, under PyTorch and under jtorch. Only programs with a WORD in their names are run; without words all are, in hours.
"""

import tempfile
from pathlib import Path

from tests.programs.drawing import drawn, says_that_it_runs
from tests.programs.public import PROGRAMS, tutorials
from tests.programs.running import Runner, recorded, write
from tests.programs.stand_ins import stand_ins


def make(checkouts, *wanted):
    folder = Path(checkouts).resolve()
    with tempfile.TemporaryDirectory() as data:
        stand_ins(Path(data))
        runner = Runner(Path(data))
        for program in (*PROGRAMS, *tutorials(folder), *drawn(folder / "drawn")):
            name = program.name
            if wanted and not any(word in name for word in wanted):
                continue
            found = runner.compared(program, folder / program.checkout)
            if program.checkout.startswith("drawn/"):
                found["says"] = says_that_it_runs(folder / program.checkout / program.folder / program.commands[0][0])
            print(name, *(found[key] for key in ("verdict", "seconds", "why")), flush=True)
            write(recorded() | {name: found})
