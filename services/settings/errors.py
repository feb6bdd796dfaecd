"""What is wrong with a setting: one exception, one line."""

from __future__ import annotations

from collections.abc import Mapping


class SettingsError(Exception):
    """What is wrong in one line: file, line, key, value, what was expected."""

    def __init__(
        self, key: str, value: object, expected: str, *, file: str = "", line: int | None = None
    ) -> None:
        self.key = key
        self.value = value
        self.expected = expected
        self.file = file
        self.line = line
        super().__init__(self._text())

    def at(self, file: str, line: int | None) -> SettingsError:
        """The same error with its place named."""
        return SettingsError(self.key, self.value, self.expected, file=file, line=line)

    def _text(self) -> str:
        place = (
            f"{self.file}:{self.line}: " if self.line is not None else f"{self.file}: " if self.file else ""
        )
        shown = "" if self.value is None else f" = {shown_value(self.value)}"
        return f"{place}{self.key}{shown}: expected {self.expected}"


def shown_value(value: object) -> str:
    """A value as a person would write it, on one line and not too long."""
    if isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, str):
        text = '"' + value.replace("\n", "\\n") + '"'
    elif isinstance(value, Mapping):
        text = "a table"
    elif isinstance(value, list | tuple):
        text = "[" + ", ".join(shown_value(item) for item in value) + "]"
    else:
        text = str(value)
    return text if len(text) <= 80 else text[:79] + "…"
