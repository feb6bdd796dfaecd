"""From tokens to what the terminal gets: styles by palette, ASCII, the dimming behind a dialog."""

from __future__ import annotations

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from screens.ink import Line, Span
from themes.glyphs import to_ascii
from themes.palette import Palette, mixed

DIM_SHARE = 0.58
"""How much background is mixed into the body behind a dialog."""


class Paint:
    """One palette in use. Styles are made once per ink and ground."""

    def __init__(self, palette: Palette, ascii_only: bool = False) -> None:
        self.palette = palette
        self.ascii_only = ascii_only
        self._styles: dict[tuple[str, bool], dict[str, Style]] = {}
        """By ground and dimming, then by ink."""

    def style(self, ink: str, ground: str = "bg", dim: bool = False) -> Style:
        styles = self._styles.setdefault((ground, dim), {})
        found = styles.get(ink)
        if found is None:
            found = styles[ink] = self._make(ink, ground, dim)
        return found

    def strip(self, line: Line, width: int, ground: str | None = None, dim: bool = False) -> Strip:
        """The line, exactly `width` cells wide."""
        base = ground or line.ground
        spans = line.spans if line.width == width else line.fitted(width).spans
        if self.ascii_only:
            spans = [Span(to_ascii(text, ink), ink) for text, ink in spans]
        styles = self._styles.setdefault((base, dim), {})
        segments: list[Segment] = []
        last: Style | None = None
        run = ""
        for text, ink in spans:
            style = styles.get(ink) or self.style(ink, base, dim)
            if style is last:
                # One run of one style is one segment: every segment is cropped, joined and rendered anew.
                run += text
                continue
            if last is not None:
                segments.append(Segment(run, last))
            run, last = text, style
        if last is not None:
            segments.append(Segment(run, last))
        return Strip(segments, width)

    def _make(self, ink: str, ground: str, dim: bool) -> Style:
        palette = self.palette
        token, at, own_ground = ink.partition("@")
        bold = token.startswith("*")
        token = token.lstrip("*")
        if at:
            ground = own_ground
        bold = bold or token in palette.bold
        if palette.native:
            return self._native(token, ground, bold, dim)
        front, back = palette.colors[token], palette.colors[ground]
        if dim:
            base = palette.colors["bg"]
            front, back = mixed(front, base, DIM_SHARE), mixed(back, base, DIM_SHARE)
        return Style(color=Color.parse(front), bgcolor=Color.parse(back), bold=bold)

    def _native(self, token: str, ground: str, bold: bool, dim: bool) -> Style:
        palette = self.palette
        if dim:
            name = "default" if palette.name == "plain" else "bright_black"
            return Style(color=Color.parse(name), bgcolor=Color.default(), dim=palette.name == "plain")
        if ground in palette.reverse:
            return Style(color=Color.default(), bgcolor=Color.default(), bold=bold, reverse=True)
        return Style(
            color=Color.parse(palette.colors[token]), bgcolor=Color.parse(palette.colors[ground]), bold=bold
        )
