"""The README's pictures: `python -m tests.screens.export [--kept] FOLDER [NAME ...]`, or `make screens`.

Without names the pictures of `SHOTS`, which are moments of real runs. Names of `FIXTURES` draw the console's
fixture states, to be laid beside the design's pictures.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from console.app import make_app
from screens.ui import Terminal, UiSettings
from tests.console.fixtures import STATES
from tests.console.stub import StubLink
from tests.screens.scenes import moment, play
from tests.screens.svg import draw


class Shot(NamedTuple):
    """Of which moment, at which size, in which palette, after which keys."""

    moment: str
    width: int
    height: int
    palette: str = "dark"
    keys: tuple[str, ...] = ()


SHOTS = {
    "desk-dark-120x40": Shot("harvest/hedged", 120, 40),
    "desk-dark-200x60": Shot("harvest/hedged", 200, 60),
    "desk-light-200x60": Shot("harvest/hedged", 200, 60, "light"),
    "desk-dark-80x24": Shot("harvest/hedged", 80, 24),
    "funding-dark-80x24": Shot("harvest/hedged", 80, 24, keys=("tab",)),
    "desk-16colour-120x40": Shot("harvest/hedged", 120, 40, "sixteen"),
    "halted-dark-120x40": Shot("harvest/halted", 120, 40),
    "flatten-dark-120x40": Shot("harvest/hedged", 120, 40, keys=("F",)),
    "depeg-dark-200x60": Shot("depeg/depeg", 200, 60),
}

FIXTURES = {
    "1-desk-dark-200x60": Shot("quiet", 200, 60),
    "2-desk-light-200x60": Shot("quiet", 200, 60, "light"),
    "3-desk-dark-80x24": Shot("quiet", 80, 24),
    "3b-funding-dark-80x24": Shot("quiet", 80, 24, keys=("tab",)),
    "3c-limits-dark-80x24": Shot("quiet", 80, 24, keys=("tab", "tab")),
    "3d-alerts-dark-80x24": Shot("quiet", 80, 24, keys=("tab", "tab", "tab")),
    "4-desk-dark-120x40": Shot("quiet", 120, 40),
    "5-halted-dark-200x60": Shot("halted", 200, 60),
    "5b-halted-dark-80x24": Shot("halted", 80, 24),
    "6-desk-16colour-120x40": Shot("quiet", 120, 40, "sixteen"),
    "6b-desk-plain-120x40": Shot("halted", 120, 40, "plain"),
    "7-flatten-dialog-120x40": Shot("quiet", 120, 40, keys=("F",)),
    "8-live-flatten-dark-120x40": Shot("live", 120, 40, keys=("F",)),
    "9-live-light-120x40": Shot("live", 120, 40, "light"),
    "10-resume-dark-120x40": Shot("halted", 120, 40, keys=("R",)),
    "11-quit-dark-120x40": Shot("quiet", 120, 40, keys=("q",)),
    "12-help-dark-120x40": Shot("quiet", 120, 40, keys=("question_mark",)),
    "13-detail-dark-120x40": Shot("quiet", 120, 40, keys=("enter",)),
    "13b-risk-detail-dark-120x40": Shot("quiet", 120, 40, keys=("tab", "tab", "enter")),
    "14-starting-dark-120x40": Shot("starting", 120, 40),
    "15-empty-dark-120x40": Shot("empty", 120, 40),
    "16-typing-dark-120x40": Shot("quiet", 120, 40, keys=("colon", *"pair close P")),
    "17-naked-dark-120x40": Shot("naked", 120, 40),
    "18-small-dark-60x20": Shot("halted", 60, 20),
    "19-flatten-dark-80x24": Shot("quiet", 80, 24, keys=("F",)),
    "20-stale-light-120x40": Shot("stale", 120, 40, "light"),
}


async def svg(shot: Shot) -> str:
    run, _, name = shot.moment.partition("/")
    strip, desk = moment(run, name) if name else STATES[run]
    link = StubLink(strip, desk, state="connected" if strip is not None else "starting")
    ticks = iter(range(1_000_000))
    app = make_app(
        link,
        UiSettings(),
        found=Terminal(fps=10, remote=False, ascii=False, palette=shot.palette),
        clock=lambda: float(next(ticks)),
    )
    async with app.run_test(size=(shot.width, shot.height)) as pilot:
        await pilot.pause()
        for key in shot.keys:
            await pilot.press(key)
        await pilot.pause()
        colors = app.palette.colors
        native = app.palette.native
        return draw(app, "#e5e5e5" if native else colors["text"], "#000000" if native else colors["bg"])


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path("docs/screens"))
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--kept", action="store_true", help="of the moments as they were last played")
    parser.add_argument("--png", action="store_true", help="write PNG beside the SVG")
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    every = SHOTS | FIXTURES
    names = given.names or list(SHOTS)
    runs = (every[name].moment.partition("/") for name in names)
    for run in dict.fromkeys(run for run, _, played in runs if played and not given.kept):
        play(run)
    for name in names:
        drawn = asyncio.run(svg(every[name]))
        (given.folder / f"{name}.svg").write_text(drawn, encoding="utf-8")
        if given.png:
            import cairosvg

            cairosvg.svg2png(bytestring=drawn.encode(), write_to=str(given.folder / f"{name}.png"), scale=2)


if __name__ == "__main__":
    main()
