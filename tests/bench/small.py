"""Small applications to measure against: `python -m tests.bench.small first|static|lines|table|idle`."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path
from typing import ClassVar

from textual.app import App, ComposeResult
from textual.widgets import DataTable, Static

from console.hangup import end_with

ROWS, COLUMNS, HZ = 50, 10, 10
COUNT = os.environ.get("SMALL_COUNT", "")
"""File that gets a byte for each change."""
LAST = "the last row"
"""Shown at the end of the first whole frame."""


def column(seed: int) -> list[str]:
    """Every price of the column, new at each change."""
    draw = random.Random(seed)
    return [f"{draw.uniform(1, 99_999):>10,.2f}" for _ in range(ROWS)]


STILL = [[f"{row * column_:>10}" for column_ in range(1, COLUMNS)] for row in range(ROWS)]
"""The other columns."""


class Words(App[None]):
    """The least application: one text."""

    def compose(self) -> ComposeResult:
        yield Static(LAST)


class First(App[None]):
    """A minimal application: one table."""

    def compose(self) -> ComposeResult:
        yield DataTable()

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_columns("instrument", "price")
        for row in range(20):
            table.add_row(f"row {row}", "1.0")
        table.add_row(LAST, "1.0")


class Live(App[None]):
    changes: ClassVar[int] = 0

    def on_mount(self) -> None:
        self.seed = 0
        self.set_interval(1 / HZ, self.tick)

    def tick(self) -> None:
        self.seed += 1
        self.change(column(self.seed))
        if COUNT:
            with Path(COUNT).open("ab") as count:
                count.write(b".")

    def change(self, prices: list[str]) -> None:
        return


class Table(Live):
    """The live table in a DataTable."""

    def compose(self) -> ComposeResult:
        yield DataTable()

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        for at in range(COLUMNS):
            table.add_column(f"c{at}", key=f"c{at}", width=10)
        for row, price in enumerate(column(0)):
            table.add_row(price, *STILL[row], key=f"r{row}")
        super().on_mount()

    def change(self, prices: list[str]) -> None:
        table = self.query_one(DataTable)
        for row, price in enumerate(prices):
            table.update_cell(f"r{row}", "c0", price)


def lines_app() -> App[None]:
    """The live table in our line grid."""
    from screens.ink import Line, Span
    from screens.paint import Paint
    from screens.widgets.grid import LineGrid
    from themes.palette import DARK

    class Lines(Live):
        def compose(self) -> ComposeResult:
            yield LineGrid(Paint(DARK), id="grid")

        def change(self, prices: list[str]) -> None:
            lines = [
                Line([Span(f"{price} ", "text"), *(Span(f"{text} ", "text") for text in STILL[row])]).fitted(
                    120
                )
                for row, price in enumerate(prices)
            ]
            self.query_one(LineGrid).show(lines, 120)

    return Lines()


def main(kind: str) -> None:
    apps = {"static": Words, "first": First, "table": Table, "idle": Live, "lines": lines_app}
    # A bench that was killed leaves no app behind that spins on a terminal that has gone.
    end_with(sys.stdin.fileno())
    apps[kind]().run()


if __name__ == "__main__":
    main(sys.argv[1])
