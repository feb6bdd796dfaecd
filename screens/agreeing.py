"""The word `flat` waits for the answer bar and the positions: an answer is said at once, a view is painted in
its frame.

For a frame, on a busy machine for longer, a bar that says NAKED or HEDGED, or a row that does, would stand
beside the word flat and leave a person with two truths. So the word waits for both, and not for long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from screens.asking import Asking
from screens.link import Answer
from services.views.desk import DeskView
from services.views.strip import StripView

POSITIONS = "positions"
WAITS_S = 2.0
"""Then it is said beside whatever the bar says: the answer rests on a fresh read of the venues."""


class Agreeing(Asking, inherit_bindings=False):
    _word: Callable[[], None] | None = None
    """What a flatten answered, not said yet."""
    _by = 0.0
    """By when it is said at the latest."""
    _painted: StripView | None = None
    """What the bar shows: the newest view may wait for its frame still."""
    _listed: DeskView | None = None
    """What the positions were last drawn from."""

    def heard(self, name: str, args: Mapping[str, str], answer: Answer) -> None:
        tell = partial(super().heard, name, args, answer)
        if name == "flatten" and answer.ok and self._bar_is_behind(args):
            self._word, self._by = partial(self._once_agreed, args, tell), self.clock() + WAITS_S
        else:
            tell()

    def draw_strip(self) -> None:
        self._painted = self.strip
        super().draw_strip()
        if self._word is not None:
            self._word()

    def draw_pane(self, name: str) -> None:
        super().draw_pane(name)
        if name == POSITIONS:
            self._listed = self.desk
            if self._word is not None:
                self._word()

    def _each_second(self) -> None:
        super()._each_second()
        if self._word is not None:
            self._word()

    def _once_agreed(self, args: Mapping[str, str], tell: Callable[[], None]) -> None:
        if self.clock() >= self._by or not self._bar_is_behind(args):
            self._word = None
            tell()

    def _bar_is_behind(self, args: Mapping[str, str]) -> bool:
        """It still shows what this flatten has just closed."""
        strip = self._painted
        if strip is None or not self.trusted:
            return False
        everything = not args.get("what")
        if strip.naked_notional != 0 or (everything and strip.positions_open > 0):
            return True
        shown = self._listed if POSITIONS in self.plan.rects else None
        return everything and shown is not None and bool(shown.positions)
