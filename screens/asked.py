"""A dialog that asks the engine while one types, and shows its answer: tickets, and the resume.

The question changes nothing: the engine answers from its present state. It is asked after a pause in the
typing, and again each second while the dialog stands. An answer to another line than the one that stands
there counts for nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from screens.dialogs import Dialog
from screens.link import Answer
from screens.paint import Paint

ASK_AFTER_S = 0.12
"""A pause in the typing so long asks."""

View = TypeVar("View")


class AskedDialog(Dialog, Generic[View]):
    asks: ClassVar[str]
    """The command that answers."""
    shape: ClassVar[Any]
    """Type of its answer."""
    field_column = 10

    def __init__(self, paint: Paint, clock: Callable[[], float], text: str = "") -> None:
        super().__init__(paint, clock)
        self.text = text
        self.view: View | None = None
        self.trouble = ""
        """Why there is no answer."""
        self._answered: str | None = None
        """The line that `view` or `trouble` belongs to."""

    def question(self) -> dict[str, str] | None:
        """The arguments of `asks`; None = what stands there is no question yet."""
        raise NotImplementedError  # abstract: each dialog asks its own

    def typed(self, text: str) -> None:
        self.text = text

    def heard(self, text: str, answer: Answer) -> None:
        """The answer to the question of `text`."""
        if text != self.text:
            return
        self._answered, self.view, self.trouble = text, None, ""
        if not answer.ok:
            self.trouble = answer.text or f"{self.asks}: no answer"
            return
        try:
            self.view = msgspec.convert(answer.result, self.shape)
        except msgspec.ValidationError as error:
            self.trouble = f"the engine's answer cannot be read: {error}"

    @property
    def present(self) -> bool:
        """What was said is about the line that stands there."""
        return self._answered == self.text
