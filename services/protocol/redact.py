"""Secrets never reach a log line: known values are struck out, and what a secret's name introduces."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping
from typing import Any

STRUCK = "[redacted]"
_SHORTEST = 6
"""A registered value shorter than this would strike out ordinary text."""

_NAME = r"(?:(?:api|listen|private)[_-]?key|secret|passw(?:or)?d|passphrase|token|signature|authorization)"
_PAIR = re.compile(rf"""(?i)(["']?\b[\w-]*{_NAME}["']?\s*[:=]\s*)(["']?)(?:bearer\s+)?[^\s"'&,;}}]+\2""")
_IS_NAME = re.compile(rf"(?i){_NAME}")


class Redactor:
    """Knows the values that were loaded as secrets."""

    def __init__(self) -> None:
        self._values: list[str] = []

    def register(self, value: str) -> None:
        """From now on this value is struck out wherever it stands: of several lines, as a private key has,
        also each by itself, for a message may have made another text of what ends them."""
        for each in (value, *value.splitlines()):
            if len(each) >= _SHORTEST and not each.startswith("-----") and each not in self._values:
                self._values.append(each)
        self._values.sort(key=len, reverse=True)

    def text(self, text: str) -> str:
        for value in self._values:
            text = text.replace(value, STRUCK)
        return _PAIR.sub(rf"\1\2{STRUCK}\2", text)

    def mapping(self, tree: Mapping[str, Any]) -> dict[str, Any]:
        """A copy with every value under a secret's name struck out, for the journal and `config show`."""
        clean: dict[str, Any] = {}
        for key, value in tree.items():
            if _IS_NAME.search(key):
                clean[key] = STRUCK
            elif isinstance(value, Mapping):
                clean[key] = self.mapping(value)
            elif isinstance(value, str):
                clean[key] = self.text(value)
            else:
                clean[key] = value
        return clean


def redactor_for(environ: Mapping[str, str]) -> Redactor:
    """Knows the value of every variable whose name speaks of a secret."""
    redactor = Redactor()
    for name, value in environ.items():
        if _IS_NAME.search(name):
            redactor.register(value)
    return redactor


class RedactingFilter(logging.Filter):
    """On every handler: the finished message, its arguments and a stack's text pass through the redactor.

    Of an exception the clean text alone is left, so that no formatter can make it anew from what was raised.
    """

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self.redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = self.redactor.text(record.getMessage())
        record.args = ()
        if record.exc_info:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
            record.exc_info = None
        if record.exc_text:
            record.exc_text = self.redactor.text(record.exc_text)
        if record.stack_info:
            record.stack_info = self.redactor.text(record.stack_info)
        return True


def protect(logger: logging.Logger, redactor: Redactor) -> None:
    """Put the filter on every handler of `logger`, or on what writes for one that has none."""
    for handler in _handlers(logger):
        handler.addFilter(RedactingFilter(redactor))


def on_our_log(environ: Mapping[str, str]) -> Redactor:
    """Knows the secrets of `environ`; what we log from here on passes through it."""
    redactor = redactor_for(environ)
    protect(logging.getLogger("stableconsole"), redactor)
    return redactor


def _handlers(logger: logging.Logger) -> list[logging.Handler]:
    if logger.handlers or logging.lastResort is None:
        return logger.handlers
    return [logging.lastResort]


def clean(text: str) -> str:
    """For what a process says past its log handlers, at its end: `text` without what the environment names as
    a secret, and without what our handlers know of."""
    for handler in _handlers(logging.getLogger("stableconsole")):
        for each in handler.filters:
            if isinstance(each, RedactingFilter):
                text = each.redactor.text(text)
    return redactor_for(os.environ).text(text)
