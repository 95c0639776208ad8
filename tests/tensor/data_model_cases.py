"""The programs of data_model_cases.txt, and what one gives, prints or raises under PyTorch or jtorch."""

from pathlib import Path

from tests.rows import Table, blocks, plain, run, seen

PROGRAMS = blocks(Path(__file__).with_suffix(".txt"))


def row(torch, program):
    return seen(lambda: plain(torch, run(torch, program)), warned=False)


TABLE = Table("data_model", {program: program for program in PROGRAMS}, row)
