"""Pictures of the console's fixture states: `python -m tests.screens.export FOLDER [NAME ...]`.

Every cell is drawn where a terminal would put it, frames and bars as shapes that meet: as SVG and, with
cairosvg, as PNG.
"""

from __future__ import annotations

import asyncio
import sys
from html import escape
from pathlib import Path

from rich.color import Color, ColorType
from rich.color_triplet import ColorTriplet
from rich.style import Style

from console.app import StableConsole, make_app
from screens.ui import Terminal, UiSettings
from tests.console.fixtures import STATES
from tests.console.stub import StubLink

CELL_W, CELL_H, BASE, EDGE = 8.4, 18.0, 13.4, 12
XTERM = (
    "000000",
    "cd0000",
    "00cd00",
    "cdcd00",
    "0000ee",
    "cd00cd",
    "00cdcd",
    "e5e5e5",
    "7f7f7f",
    "ff0000",
    "00ff00",
    "ffff00",
    "5c5cff",
    "ff00ff",
    "00ffff",
    "ffffff",
)

SHOTS: dict[str, tuple[str, int, int, str, tuple[str, ...]]] = {
    "1-desk-dark-200x60": ("quiet", 200, 60, "dark", ()),
    "2-desk-light-200x60": ("quiet", 200, 60, "light", ()),
    "3-desk-dark-80x24": ("quiet", 80, 24, "dark", ()),
    "3b-funding-dark-80x24": ("quiet", 80, 24, "dark", ("tab",)),
    "3c-limits-dark-80x24": ("quiet", 80, 24, "dark", ("tab", "tab")),
    "3d-alerts-dark-80x24": ("quiet", 80, 24, "dark", ("tab", "tab", "tab")),
    "4-desk-dark-120x40": ("quiet", 120, 40, "dark", ()),
    "5-halted-dark-200x60": ("halted", 200, 60, "dark", ()),
    "5b-halted-dark-80x24": ("halted", 80, 24, "dark", ()),
    "6-desk-16colour-120x40": ("quiet", 120, 40, "sixteen", ()),
    "6b-desk-plain-120x40": ("halted", 120, 40, "plain", ()),
    "7-flatten-dialog-120x40": ("quiet", 120, 40, "dark", ("F",)),
    "8-live-flatten-dark-120x40": ("live", 120, 40, "dark", ("F",)),
    "9-live-light-120x40": ("live", 120, 40, "light", ()),
    "10-resume-dark-120x40": ("halted", 120, 40, "dark", ("R",)),
    "11-quit-dark-120x40": ("quiet", 120, 40, "dark", ("q",)),
    "12-help-dark-120x40": ("quiet", 120, 40, "dark", ("question_mark",)),
    "13-detail-dark-120x40": ("quiet", 120, 40, "dark", ("enter",)),
    "13b-risk-detail-dark-120x40": ("quiet", 120, 40, "dark", ("tab", "tab", "enter")),
    "14-starting-dark-120x40": ("starting", 120, 40, "dark", ()),
    "15-empty-dark-120x40": ("empty", 120, 40, "dark", ()),
    "16-typing-dark-120x40": ("quiet", 120, 40, "dark", ("colon", *"pair close P")),
    "17-naked-dark-120x40": ("naked", 120, 40, "dark", ()),
    "18-small-dark-60x20": ("halted", 60, 20, "dark", ()),
    "19-flatten-dark-80x24": ("quiet", 80, 24, "dark", ("F",)),
    "20-stale-light-120x40": ("stale", 120, 40, "light", ()),
}


def svg(app: StableConsole) -> str:
    """The screen as it stands."""
    palette = app.palette
    default_back = palette.colors["bg"] if not palette.native else "#000000"
    default_front = palette.colors["text"] if not palette.native else "#e5e5e5"
    width, height = app.size
    strips = app.screen._compositor.render_strips()
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width * CELL_W + 2 * EDGE}"'
        f' height="{height * CELL_H + 2 * EDGE}">',
        '<style>text{font:14px "JetBrains Mono","DejaVu Sans Mono",monospace;white-space:pre;'
        "font-variant-ligatures:none}.b{font-weight:700}</style>",
        f'<rect width="100%" height="100%" fill="{default_back}"/><g transform="translate({EDGE},{EDGE})">',
    ]
    texts: list[str] = []
    for y, strip in enumerate(strips):
        x = 0
        for text, found, _ in strip:
            style = found or Style()
            front, back = _rgb(style.color, default_front), _rgb(style.bgcolor, default_back)
            if style.reverse:
                front, back = back, front
            if back != default_back:
                out.append(_box(x * CELL_W, y * CELL_H, len(text) * CELL_W + 0.15, CELL_H + 0.15, back))
            _draw(texts, text, x, y, front, bool(style.bold))
            x += len(text)
    return "\n".join([*out, *texts, "</g></svg>"])


def _draw(out: list[str], text: str, x: int, y: int, front: str, bold: bool) -> None:
    word, start = "", x
    for at, char in enumerate([*text, " "]):
        drawn = _shape(char, (x + at) * CELL_W, y * CELL_H, front) if at < len(text) else ""
        if drawn is None and char != " ":
            if not word:
                start = x + at
            word += char
            continue
        if word:
            weight = ' class="b"' if bold else ""
            place = f'x="{start * CELL_W:.1f}" y="{y * CELL_H + BASE:.1f}"'
            size = f'textLength="{len(word) * CELL_W:.1f}"'
            out.append(f'<text {place} fill="{front}"{weight} {size}>{escape(word)}</text>')
            word = ""
        if drawn:
            out.append(drawn)


def _shape(char: str, x: float, y: float, ink: str) -> str | None:
    """Box drawing, blocks and dots as shapes: they meet across cells, as in a terminal. None = a letter."""
    mx, my, r, b = x + CELL_W / 2, y + CELL_H / 2, x + CELL_W, y + CELL_H
    line = f'stroke="{ink}" fill="none"'
    corner = {
        "╭": f"M{mx} {b}V{my + 4}q0 -4 4 -4H{r}",
        "╮": f"M{mx} {b}V{my + 4}q0 -4 -4 -4H{x}",
        "╰": f"M{mx} {y}V{my - 4}q0 4 4 4H{r}",
        "╯": f"M{mx} {y}V{my - 4}q0 4 -4 4H{x}",
        "─": f"M{x} {my}H{r}",
        "│": f"M{mx} {y}V{b}",
    }
    if char in corner:
        return f'<path d="{corner[char]}" {line}/>'
    if char == "━":
        return f'<path d="M{x} {my}H{r + 0.1}" {line} stroke-width="3.4"/>'
    if char == "╾":
        return f'<path d="M{x} {my}H{mx}" {line} stroke-width="3.4"/><path d="M{mx} {my}H{r}" {line}/>'
    if char == "▌":
        return _box(x, y, CELL_W / 2, CELL_H + 0.15, ink)
    if "▁" <= char <= "█":
        high = (ord(char) - 0x2580) / 8 * (CELL_H - 2)
        return _box(x + 0.4, b - 1 - high, CELL_W - 0.8, high, ink)
    if char == "●":
        return f'<circle cx="{mx:.1f}" cy="{my}" r="3.7" fill="{ink}"/>'
    if char == "○":
        return f'<circle cx="{mx:.1f}" cy="{my}" r="3.2" {line} stroke-width="1.3"/>'
    if char == "◐":
        half = f'<path d="M{mx} {my - 3.6}a3.6 3.6 0 0 0 0 7.2z" fill="{ink}"/>'
        return f'<circle cx="{mx:.1f}" cy="{my}" r="3.2" {line} stroke-width="1.3"/>{half}'
    if char == "■":
        return _box(mx - 3.4, my - 3.4, 6.8, 6.8, ink)
    return None if char != " " else ""


def _box(x: float, y: float, width: float, height: float, fill: str) -> str:
    return f'<rect x="{x:.2f}" y="{y:.2f}" width="{width:.2f}" height="{height:.2f}" fill="{fill}"/>'


def _rgb(color: Color | None, default: str) -> str:
    if color is None or color.type is ColorType.DEFAULT:
        return default
    if color.type is ColorType.STANDARD and color.number is not None:
        return f"#{XTERM[color.number]}"
    triplet: ColorTriplet = color.get_truecolor()
    return triplet.hex


async def shot(name: str) -> str:
    state, width, height, palette, presses = SHOTS[name]
    strip, desk = STATES[state]
    link = StubLink(strip, desk, state="connected" if strip is not None else "starting")
    ticks = iter(range(1_000_000))
    app = make_app(
        link,
        UiSettings(),
        found=Terminal(fps=10, remote=False, ascii=False, palette=palette),
        clock=lambda: float(next(ticks)),
    )
    async with app.run_test(size=(width, height)) as pilot:
        await pilot.pause()
        if not presses and state == "quiet":
            app.desk.say("✓ 14:02:11 acknowledged: gamma feed stale")
        for key in presses:
            await pilot.press(key)
        await pilot.pause()
        return svg(app)


def main(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names or SHOTS:
        drawn = asyncio.run(shot(name))
        (folder / f"{name}.svg").write_text(drawn)
        try:
            import cairosvg
        except ImportError:
            continue
        cairosvg.svg2png(bytestring=drawn.encode(), write_to=str(folder / f"{name}.png"), scale=2)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/screens"), sys.argv[2:])
