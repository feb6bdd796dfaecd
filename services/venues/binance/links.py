"""Several connections as one link: up when all of them are, down with the first that breaks. Pure."""

from __future__ import annotations

from collections.abc import Callable


class Links:
    def __init__(
        self, names: tuple[str, ...], *, up: Callable[[], None], down: Callable[[str], None]
    ) -> None:
        self._is_up = dict.fromkeys(names, False)
        self._up = up
        self._down = down

    @property
    def all_up(self) -> bool:
        return all(self._is_up.values())

    def up_of(self, name: str) -> Callable[[], None]:
        def rose() -> None:
            before, self._is_up[name] = self.all_up, True
            if self.all_up and not before:
                self._up()

        return rose

    def down_of(self, name: str) -> Callable[[str], None]:
        def fell(reason: str) -> None:
            before, self._is_up[name] = self.all_up, False
            if before:
                self._down(f"{name}: {reason}")

        return fell
