"""What a person takes out of the console: a copied row, a table as CSV, the screen as SVG and as text."""

from __future__ import annotations

import re

from screens import format as f
from screens import saving
from screens.room import PaneSpec
from screens.ticketing import Ticketing
from screens.typed import SAVES

_FONTS = re.compile(r"@font-face\s*\{[^}]*\}")
"""The library's drawing loads its fonts from a host: ours asks nobody for anything."""


class Taking(Ticketing, inherit_bindings=False):
    files: saving.Files | None = None
    """Where files go; None = this console writes none."""

    def action_copy(self) -> None:
        """By OSC 52: the terminal's own clipboard, also over ssh."""
        pane = self.panes[self.active]
        row = next((r for r in pane.content.rows if r.key and r.key == pane.cursor.key), None)
        if row is None:
            self.say("nothing to copy")
            return
        # The sign that joins a pair's legs on the screen joins nothing elsewhere.
        text = " ".join(" ".join(line.plain.lstrip("╭│╰ ").split()) for line in row.lines)
        self.app.copy_to_clipboard(text)
        self.say(f"copied: {text}")

    def action_write(self) -> None:
        self.save("csv")

    def action_picture(self) -> None:
        self.save("svg", "text")

    def save(self, *kinds: str, where: str = "") -> bool:
        """Writes and says where; False when it could not."""
        if self.files is None:
            self.say("this console writes no files", "*warn")
            return False
        if "csv" in kinds and not self.room.ready(self.views):
            self.say("no view has come yet: there is no table to write", "*warn")
            return False
        paths = []
        try:
            for kind in kinds:
                name, ending, text, what = self._made_of(kind)
                paths.append(self.files.write(name, ending, text, where) + what)
        except OSError as error:
            self.say(f"not written: {error.filename or where}: {error.strerror or error}", "*alarm")
            return False
        self.say(f"wrote {' and '.join(paths)}")
        return True

    def save_line(self, rest: str) -> None:
        """`:save KIND [FILE]`. A wrong one stays, with what is wrong below it."""
        kind, _, where = rest.partition(" ")
        if kind not in SAVES:
            self.told_wrong(f"save: expected one of {', '.join(SAVES)}, then perhaps a file")
            return
        self.close_field()
        self.save(kind, where=where.strip())

    def _made_of(self, kind: str) -> tuple[str, str, str, str]:
        """(name, ending, text) of a file, and what is said of it behind its path."""
        ts = self.context().now
        stamp = f"{f.date(ts)}-{f.clock(ts)}".replace(":", "").replace(" ", "-")
        if kind == "csv":
            pane, spec = self.panes[self.active], self.contents.spec(self.active)
            rows = saving.table(spec, self.views, [row.key for row in pane.content.rows if row.key])
            what = f": {self._counted(len(rows) - 1, spec)}, every column" if rows else ""
            text = saving.csv_text(rows or saving.lines(pane.content))
            return f"{self.room.name}-{self.active}-{stamp}", "csv", text, what
        name = f"{self.room.name}-{stamp}"
        if kind == "svg":
            drawing = self.app.export_screenshot(title=f"stableconsole {self.ui.profile}")
            return name, "svg", _FONTS.sub("", drawing), ""
        strips = self._compositor.render_strips()
        drawn = ["".join(segment.text for segment in strip).rstrip() for strip in strips]
        return name, "txt", "\n".join(drawn) + "\n", ""

    def _counted(self, written: int, spec: PaneSpec) -> str:
        """How many rows a file has, and that there are more when the pane does not show all."""
        there = len(saving.table(spec, self.views)) - 1
        if written == there:
            return f"{written} row{'' if written == 1 else 's'}"
        needle = self.contents.needles.get(self.active, "")
        return f"{written} of {there} rows ({f'only {f.clean(needle)}' if needle else 'as shown'})"
