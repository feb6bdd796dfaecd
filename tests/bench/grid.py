"""A live grid of 50 x 10 figures at 10 changes a second: our line grid against Textual's DataTable.

`python -m tests.bench.grid` prints CPU a change, side by side from one process, rounds interleaved.
Headless: both draw and diff as in a terminal, the bytes go nowhere.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time

from textual.app import App, ComposeResult
from textual.widgets import DataTable

from screens.ink import Line, Span
from screens.paint import Paint
from screens.widgets.grid import LineGrid
from themes.palette import DARK

ROWS, COLUMNS, CHANGES, ROUNDS = 50, 10, 20, 5
SIZE = (130, 54)


def figures(seed: int) -> list[list[str]]:
    """Every figure of the grid, new at each change."""
    draw = random.Random(seed)
    return [[f"{draw.uniform(1, 99_999):>10,.2f}" for _ in range(COLUMNS)] for _ in range(ROWS)]


class Lines(App[None]):
    def compose(self) -> ComposeResult:
        yield LineGrid(Paint(DARK), id="grid")

    def change(self, seed: int) -> None:
        lines = [
            Line([span for text in row for span in (Span(text, "text"), Span(" ", "text"))]).fitted(120)
            for row in figures(seed)
        ]
        self.query_one(LineGrid).show(lines, 120)


class Table(App[None]):
    def compose(self) -> ComposeResult:
        yield DataTable()

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        for column in range(COLUMNS):
            table.add_column(f"c{column}", key=f"c{column}", width=10)
        for row in range(ROWS):
            table.add_row(*figures(0)[row], key=f"r{row}")

    def change(self, seed: int) -> None:
        table = self.query_one(DataTable)
        for at, row in enumerate(figures(seed)):
            for column, text in enumerate(row):
                table.update_cell(f"r{at}", f"c{column}", text)


class Idle(App[None]):
    def compose(self) -> ComposeResult:
        yield LineGrid(Paint(DARK), id="grid")

    def change(self, seed: int) -> None:
        figures(seed)


async def cost(kind: type[Lines] | type[Table] | type[Idle]) -> float:
    """CPU seconds of one change, painting included."""
    app = kind()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        app.change(1)
        await asyncio.sleep(0.2)
        start = time.process_time()
        for seed in range(CHANGES):
            app.change(seed + 2)
            await asyncio.sleep(0.1)
        return (time.process_time() - start) / CHANGES


def measure() -> dict[str, float]:
    """Medians over interleaved rounds, the idle app taken off."""
    found: dict[str, list[float]] = {"idle": [], "lines": [], "table": []}
    for _ in range(ROUNDS):
        for name, kind in (("idle", Idle), ("lines", Lines), ("table", Table)):
            found[name].append(asyncio.run(cost(kind)))
    medians = {name: statistics.median(values) for name, values in found.items()}
    return {
        "idle_ms": medians["idle"] * 1e3,
        "lines_ms": (medians["lines"] - medians["idle"]) * 1e3,
        "table_ms": (medians["table"] - medians["idle"]) * 1e3,
        "ratio": (medians["lines"] - medians["idle"]) / (medians["table"] - medians["idle"]),
    }


if __name__ == "__main__":
    for name, value in measure().items():
        print(f"{name:10} {value:8.3f}")  # noqa: T201 - a report
