"""Programs to port: Python files and notebooks, as text with the place of each line."""

from __future__ import annotations

import json
import re
from pathlib import Path

MAGIC = re.compile(r"^(\s*)([%!?].*|[\w., ]+=\s*[%!].*|.*[\w)]\?{1,2})$")
STAND_IN = "pass  # jtorch port keeps this line: "


class Source:
    """A program, or the cells of a notebook one after the other. Lines that only IPython reads stand there as `pass`.

    Raises:
        ValueError, KeyError: the file is not UTF-8, or no notebook.
    """

    def __init__(self, path: Path):
        self.path, self.file = path, str(path)
        self.book = None
        raw = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            self.book = json.loads(raw)
            self.cells = [cell for cell in self.book["cells"] if cell["cell_type"] == "code"]
            self.parts = [self._hidden("".join(cell["source"])) for cell in self.cells]
        else:
            self.parts = [raw]

    @property
    def text(self) -> str:
        """All parts as one program."""
        return "".join(part if part.endswith("\n") else f"{part}\n" for part in self.parts)

    def place(self, line: int) -> tuple[str, int]:
        """(the file, or "book.ipynb[cell]"; the line in it) for a line of `text`."""
        if self.book is None:
            return self.file, line
        for number, part in enumerate(self.parts, 1):
            count = len(part.splitlines()) or 1
            if line <= count:
                return f"{self.file}[{number}]", line
            line -= count
        return self.file, line

    def written(self, parts: list[str]) -> str:
        """The content of the file with its parts replaced."""
        if self.book is None:
            return parts[0]
        for cell, part in zip(self.cells, parts, strict=True):
            cell["source"] = self._shown(part).splitlines(keepends=True)
        return json.dumps(self.book, indent=1, ensure_ascii=False) + "\n"

    @staticmethod
    def _hidden(code):
        if code.lstrip().startswith("%%"):  # the whole cell, which may be another language
            return "".join(f"# {STAND_IN}{line}\n" for line in code.split("\n")).removesuffix("\n")
        lines = code.split("\n")
        return "\n".join(f"{found[1]}{STAND_IN}{found[2]}" if (found := MAGIC.match(line)) else line for line in lines)

    @staticmethod
    def _shown(code):
        return code.replace(f"# {STAND_IN}", "").replace(STAND_IN, "")


def programs_in(path: Path) -> list[Path]:
    """The programs of a folder, or one file. Hidden folders and those of installed packages are left out."""
    if not path.is_dir():
        return [path]
    skipped = {"site-packages", "node_modules", "__pycache__", "build", "venv"}
    found = []
    for kind in ("*.py", "*.ipynb"):
        for file in sorted(path.rglob(kind)):
            inside = file.relative_to(path).parts
            if file.is_file() and not any(part in skipped or part.startswith(".") for part in inside):
                found.append(file)
    return found
