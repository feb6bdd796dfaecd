"""What is wrong with a history, in one line that names the file, the line and what was expected."""

from __future__ import annotations

from pathlib import Path


class HistoryError(Exception):
    """A history that cannot be used. The text is one line, fit for the person who gave the path."""


def at_line(path: Path, line: int, what: str) -> HistoryError:
    """An error in one row of a file."""
    return HistoryError(f"{path.name} line {line}: {what}")


def in_file(path: Path, what: str) -> HistoryError:
    """An error of a whole file."""
    return HistoryError(f"{path}: {what}")
