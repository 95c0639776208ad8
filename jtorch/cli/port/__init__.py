"""`jtorch port`: rewrites the imports of PyTorch programs, and says like a linter what is missing or differs."""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path

from jtorch.cli.port.comparing import compared
from jtorch.cli.port.findings import Answer, Finding, findings_of
from jtorch.cli.port.sources import Source, programs_in

HELP = """\
Rewrites `import torch` and `import torchvision` to jtorch's, in place or into OUT; every comment and space stays.
Reports, as file:line:column CODE message, names that are not here (J1..), names that differ (J2..) and what no name
shows, such as reading a value in an inner loop (J3..). The exit code is 1 if a name is not here. A program that is not
to be changed runs under `jtorch run`."""


def port(words: list[str]) -> int:
    """Port what is named, and print the report. Returns 1 if a name is missing or a number differs, 2 for a wrong word."""
    options = _port_options(words)
    path = Path(options.path)
    if not path.exists():
        print(f"jtorch port: there is no {path}", file=sys.stderr)
        return 2
    if not options.check:
        try:
            rewritten = import_module("jtorch.cli.port.rewriting").rewritten
        except ModuleNotFoundError:
            print(
                "jtorch port: rewriting needs libcst: pip install 'jtorch-xla[port]' (--check does without)",
                file=sys.stderr,
            )
            return 2
    answers = {}
    for program in programs_in(path):
        file = str(program)
        try:
            source = Source(program)
            answers[file] = findings_of(source)
            if not options.check:
                _write(source, [rewritten(part) for part in source.parts], _written_to(source, path, options.out))
        except (SyntaxError, ValueError, KeyError) as error:
            line = getattr(error, "lineno", None) or 1
            answers[file] = Answer([Finding(file, line, 1, "J001", _unread(error))], 0, 0)
        if options.run is not None:
            code, text = compared(file, options.run, options.arguments)
            answers[file].findings.append(Finding(file, 1, 1, code, text))
    print(as_json(answers) if options.json else as_text(answers))
    bad = ("J0", "J1", "J401", "J402")
    return int(any(finding.code.startswith(bad) for answer in answers.values() for finding in answer.findings))


def _port_options(words):
    parser = argparse.ArgumentParser(
        "jtorch port",
        description=HELP,
        epilog="example: jtorch port train.py -o train_jax.py",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("path", metavar="FILE|FOLDER|NOTEBOOK")
    parser.add_argument("arguments", nargs="*", help="for the program, with --run: after --")
    parser.add_argument("-o", dest="out", metavar="OUT", help="the file or folder to write (default: in place)")
    parser.add_argument("--check", action="store_true", help="write nothing, only report")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    parser.add_argument(
        "--run", type=int, metavar="N", help="run N training steps under PyTorch and jtorch, compare what is printed"
    )
    return parser.parse_args(words)


def _unread(error):
    return f"is not read: {error.msg if isinstance(error, SyntaxError) else repr(error)}"


def _written_to(source, path, out):
    if out is None:
        return source.path
    return Path(out) / source.path.relative_to(path) if path.is_dir() else Path(out)


def _write(source, parts, target):
    if parts != source.parts or target != source.path:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.written(parts), encoding="utf-8")


def as_text(answers: dict[str, Answer]) -> str:
    """The report as lines to read: the findings, and a summary."""
    lines = [str(finding) for answer in answers.values() for finding in answer.findings]
    told = summary(answers)
    lines.append(
        f"{told['files']} programs with {told['uses']} uses of PyTorch's names: {told['rate']:.1%} are here; "
        f"{told['unchanged']} programs should run unchanged"
    )
    return "\n".join(lines)


def as_json(answers: dict[str, Answer]) -> str:
    """The report as JSON: summary, files, findings."""
    files = {file: {"uses": a.uses, "here": a.here, "unchanged": _unchanged(a)} for file, a in answers.items()}
    findings = [finding._asdict() for answer in answers.values() for finding in answer.findings]
    return json.dumps({"summary": summary(answers), "files": files, "findings": findings}, indent=1)


def summary(answers: dict[str, Answer]) -> dict:
    """Counts, and the share of the uses of PyTorch's names that are here."""
    uses, here = (sum(getattr(answer, name) for answer in answers.values()) for name in ("uses", "here"))
    return {
        "files": len(answers),
        "uses": uses,
        "here": here,
        "rate": here / uses if uses else 1.0,
        "unchanged": sum(_unchanged(answer) for answer in answers.values()),
    }


def _unchanged(answer):
    return not any(finding.code.startswith(("J0", "J1")) for finding in answer.findings)
