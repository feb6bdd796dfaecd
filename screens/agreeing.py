"""The word `flat` waits for the answer bar: an answer may overtake the view that was built before it.

On a busy machine the engine sends its answer first and the next view a moment later. A bar that says NAKED
beside the word flat would leave a person with two truths, so the word waits for the bar, and not for long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from screens.asking import Asking
from screens.link import Answer

WAITS_S = 2.0
"""Then it is said beside whatever the bar says: the answer rests on a fresh read of the venues."""


class Agreeing(Asking, inherit_bindings=False):
    _word: Callable[[], None] | None = None
    """What a flatten answered, not said yet."""
    _by = 0.0
    """By when it is said at the latest."""

    def heard(self, name: str, args: Mapping[str, str], answer: Answer) -> None:
        tell = partial(super().heard, name, args, answer)
        if name == "flatten" and answer.ok and self._bar_is_behind(args, answer):
            self._word, self._by = partial(self._once_agreed, args, answer, tell), self.clock() + WAITS_S
        else:
            tell()

    def draw_strip(self) -> None:
        super().draw_strip()
        if self._word is not None:
            self._word()

    def _each_second(self) -> None:
        super()._each_second()
        if self._word is not None:
            self._word()

    def _once_agreed(self, args: Mapping[str, str], answer: Answer, tell: Callable[[], None]) -> None:
        if self.clock() >= self._by or not self._bar_is_behind(args, answer):
            self._word = None
            tell()

    def _bar_is_behind(self, args: Mapping[str, str], answer: Answer) -> bool:
        """It still shows what this flatten has just closed."""
        strip = self.strip
        if strip is None or not self.trusted:
            return False
        result = answer.result if isinstance(answer.result, dict) else {}
        everything = not args.get("what") and not result.get("kept")
        return strip.naked_notional != 0 or (everything and strip.positions_open > 0)
