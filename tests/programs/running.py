"""Runs public programs under PyTorch and under jtorch, and keeps what came of it: `python -m tests.make programs`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from jtorch.cli.hook import environment
from jtorch.cli.port.comparing import NUMBER, agreement
from tests import FIXTURES, ROOT
from tests.programs.public import Program

FILE = FIXTURES / "programs.json"
PAGE = ROOT / "docs/programs.md"
TOLERANCE = 1e-3


class Runner:
    """Two processes that fork for each program: one under PyTorch, one under jtorch."""

    def __init__(self, data: Path):
        self.data = data
        self.processes = {}

    def _process(self, under):
        if under not in self.processes:
            variables = environment(False) | {"OMP_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu", "MPLBACKEND": "Agg"}
            variables |= {
                "PROGRAM_DATA": str(self.data),
                "JTORCH_CACHE": "1",
                "PYTHONHASHSEED": "0",
                "PYTHONUNBUFFERED": "1",
            }
            start = [] if under == "torch" else ["-m", "jtorch", "run"]
            if under == "jtorch":
                variables["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), variables["PYTHONPATH"]]))
            command = [sys.executable, "-W", "ignore", *start, str(ROOT / "tests/programs/forking.py")]
            self.processes[under] = subprocess.Popen(
                command, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/"
            )
        return self.processes[under]

    def once(
        self, under: str, program: Program, root: Path, limit: float, shake: bool = False, cache: str = ""
    ) -> dict:
        """{"code", "seconds", "used", "printed", "errors"} of a program under a library, in a copy of its folder."""
        process = self._process(under)
        told = {"code": 0, "seconds": 0.0, "used": 0.0, "printed": "", "errors": ""}
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:
            copy = Path(place) / "copy"
            shutil.copytree(root / program.folder, copy, ignore=shutil.ignore_patterns(".git"), symlinks=True)
            if program.before is not None:
                program.before(copy)
            for line in program.commands:
                words = line.split(" ") if isinstance(line, str) else line
                words = [str(copy / words[0]), *words[1:]]
                task = {
                    "folder": str(copy),
                    "words": words,
                    "limit": limit,
                    "steps": program.steps,
                    "shake": shake,
                    "cache": cache,
                }
                process.stdin.write(json.dumps(task) + "\n")
                process.stdin.flush()
                done = json.loads(process.stdout.readline())
                told["code"] = done["code"]
                told["seconds"] += done["seconds"]
                told["used"] += done["used"]
                for key, name in (("printed", ".stdout"), ("errors", ".stderr")):
                    if (copy / name).exists():
                        told[key] += cleaned((copy / name).read_text(errors="replace"), str(copy))
                if done["code"] != 0:
                    break
        return told

    def compared(self, program: Program, root: Path) -> dict:
        """What a program does under both.

        Verdicts: "equal"; "unstable": where each backward pass changes the last bits, PyTorch prints other numbers, too;
        "differs"; "fails", or "late" after five times the limit: under jtorch only; "not here": PyTorch does not run it.

        Returns:
            {"verdict", "why", "numbers": how many are printed, "seconds": [PyTorch's, jtorch's, jtorch's at a second start]}
        """
        theirs = self.once("torch", program, root, program.limit)
        if theirs["code"] != 0:
            why = "takes too long" if theirs["code"] is None else last(theirs["errors"])
            return {"verdict": "not here", "why": why, "numbers": 0, "seconds": [round(theirs["used"], 1)]}
        with tempfile.TemporaryDirectory() as cache:
            ours = self.once("jtorch", program, root, 5 * program.limit, cache=cache)
            seconds = [theirs["used"], ours["used"]]
            if ours["code"] == 0 and seconds[1] > max(1, 3 * seconds[0]):
                seconds.append(self.once("jtorch", program, root, 5 * program.limit, cache=cache)["used"])
        row = {"numbers": len(NUMBER.findall(theirs["printed"])), "seconds": [round(n, 1) for n in seconds]}
        if ours["code"] != 0:
            verdict = "late" if ours["code"] is None else "fails"
            return {"verdict": verdict, "why": last(ours["errors"]), **row, "trace": ours["errors"][-3000:]}
        code, message = agreement(theirs["printed"], ours["printed"], TOLERANCE)
        if code == "J400":
            return {"verdict": "equal", "why": "", **row}
        shaken = self.once("torch", program, root, program.limit, shake=True)
        moved = shaken["code"] == 0 and agreement(theirs["printed"], shaken["printed"], TOLERANCE)[0] != "J400"
        return {"verdict": "unstable" if moved else "differs", "why": message[:300], **row}


def cleaned(printed: str, folder: str) -> str:
    """Without what differs from run to run: addresses, folders, the version's tail, the last state of a progress bar."""
    printed = re.sub(r"0x[0-9a-f]{6,}", "0x", printed.replace(folder, "").replace(f"{ROOT}/", ""))
    return printed.replace("2.13.0+cpu", "2.13.0")


def last(errors: str) -> str:
    """The last line of a traceback."""
    return (errors.strip().splitlines() or ["no error message"])[-1][:200]


# ---- what was found


def recorded() -> dict[str, dict]:
    """name -> what `Runner.compared` has found."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def write(rows: dict[str, dict]) -> None:
    """The rows as a file and as the page."""
    kept = {name: {key: value for key, value in rows[name].items() if key != "trace"} for name in sorted(rows)}
    lines = [f"{json.dumps(name)}: {json.dumps(row)}" for name, row in kept.items()]
    FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    PAGE.write_text(page(kept))


def page(rows: dict[str, dict]) -> str:
    """The text of docs/programs.md."""
    drawn = {name: row for name, row in rows.items() if "says" in row}
    known = {name: row for name, row in rows.items() if name not in drawn}
    lines = [
        "# Public programs under jtorch",
        "",
        "Made by `python -m tests.make programs CHECKOUTS`; do not edit. CHECKOUTS is a folder of checkouts of public",
        "repositories: of theirs, only the names are here. Each program is run unchanged, offline, on one core, under PyTorch and",
        f"under `jtorch run`. The printed text must be the same and its numbers PyTorch's within {TOLERANCE}; what a clock says is",
        "left out. Data sets are small files of noise in the form that the program expects. The tutorials were those of",
        "PyTorchKorea/tutorials-kr: the same programs with translated comments.",
        "",
        "- **equal**: it prints what PyTorch prints.",
        "- **unstable**: it does not; nor does PyTorch if each backward pass changes the last bits of the gradients, or because it",
        "  prints memory that nothing has written.",
        "- **differs**, **fails**, **late**: jtorch prints something else, raises, or takes over five times the limit of time.",
        "",
        "Seconds are those of one core without the imports: PyTorch's, jtorch's with no compiled program on disk, and, where that",
        "is over a second and three times PyTorch's, jtorch's second start.",
        "",
        "## minGPT, nanoGPT, and PyTorch's examples and tutorials",
        "",
        *_counted(known),
        "",
        "| program | numbers | seconds | under jtorch |",
        "|---|---|---|---|",
    ]
    for name, row in known.items():
        if row["verdict"] != "not here":
            seconds = " / ".join(map(str, row["seconds"]))
            why = f": `{row['why'].replace('|', ' ')[:140]}`" if row["verdict"] in ("differs", "fails") else ""
            lines.append(f"| {name} | {row['numbers']} | {seconds} | {row['verdict']}{why} |")
    lines += ["", "Not run under PyTorch on that machine, without a network:", ""]
    for name, row in known.items():
        if row["verdict"] == "not here":
            lines.append(f"- {name}: `{row['why'].replace('`', '')[:140]}`")
    runs = [row for row in drawn.values() if row["verdict"] in ("equal", "unstable", "differs")]
    said = [row for row in drawn.values() if row["says"] and row["verdict"] != "not here"]
    lines += [
        "",
        "## Programs drawn at random",
        "",
        "Files that are programs by themselves, up to six of a repository, from repositories whose names say that somebody learns",
        "or tries PyTorch. None of them was looked at before it was run.",
        "",
        *_counted(drawn),
        "",
        f"`jtorch port` says of {len(said)} of them that they run unchanged: {sum(row in runs for row in said)} do.",
        f"Of the {len(runs)} that run unchanged it says so of {sum(row['says'] for row in runs)}.",
    ]
    return "\n".join(lines) + "\n"


def _counted(rows):
    count = Counter(row["verdict"] for row in rows.values())
    run = len(rows) - count["not here"]
    others = ", ".join(f"{count[kind]} {kind}" for kind in ("unstable", "differs", "fails", "late") if count[kind])
    return [
        f"{len(rows)} programs, of which {run} run under PyTorch. Of these {count['equal']} are equal{', ' * bool(others)}{others}."
    ]
