"""The programs of data_model_cases.txt, and what one returns, prints or raises under PyTorch or jtorch."""

from pathlib import Path

from tests.rows import Table, blocks, plain, run, seen

PROGRAMS = blocks(Path(__file__).with_suffix(".txt"))


def row(torch, program):
    def look():
        value = run(torch, program)
        return None if isinstance(value, bytes) else plain(torch, value)  # a pickle differs from run to run

    return seen(look, warned=False)


TABLE = Table("data_model", {program: program for program in PROGRAMS}, row)
