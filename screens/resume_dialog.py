"""The resume: its reason, and for every cause what becomes of it, told while one types.

The field takes `--override CAUSE` and `--rebase drawdown|daily` as the command does, and `tab` offers them.
While a cause still holds that is not named, `enter` sends nothing: the line to mend is still there.
"""

from __future__ import annotations

from screens import format as f
from screens.asked import AskedDialog
from screens.frame import Content, Row
from screens.ink import Line, Span, sides, wrap
from services.domain.enums import TradingState
from services.protocol.errors import UsageError
from services.protocol.grammar import parse
from services.views.resume import ResumeCauseView, ResumeView
from themes import glyphs as g

LABEL = 10
_INKS = {"clears": "pos", "holds": "*alarm", "stays": "warn"}


class ResumeDialog(AskedDialog[ResumeView]):
    asks = "preview resume"
    shape = ResumeView
    field_column = LABEL

    def question(self) -> dict[str, str] | None:
        """Without a reason the switches alone say what it would do. What stands for one comes first: behind a
        switch without a name it would be taken for that."""
        try:
            args = parse(f"resume ? {self.text.strip()}").args
        except UsageError:
            return None
        return {key: text for key, text in args.items() if key != "reason"}

    @property
    def refused(self) -> bool:
        """The engine has just said that this line would not be taken."""
        return self.present and self.view is not None and not self.view.taken

    @property
    def unfinished(self) -> bool:
        """What stands there is no line yet: a switch lacks what it names."""
        return self.question() is None

    def body(self, width: int) -> Content:
        content = Content(title="Resume trading")
        lines = [Line(), *self._causes(width), Line(), Line([Span("reason", "*text")])]
        content.rows = [Row([line]) for line in [*lines, Line()]]
        enter = (Span("enter", "*accent"), Span(" resumes", "muted"))
        waits = self._waits()
        if waits:
            enter = (Span("enter", "stale"), Span(f" waits: {waits}", "stale"))
        tab = (Span("tab", "*accent"), Span(" --override, --rebase   ", "muted"))
        leaves = (Span("esc", "*accent"), Span(" leaves", "muted"))
        content.foot = [sides((*enter, Span("   ", "muted"), *tab), leaves, width)]
        self.field_row = len(lines)
        return content

    def _waits(self) -> str:
        """What `enter` lacks, in few words: what stands above says it whole. Empty = it resumes."""
        if self.unfinished:
            return "a switch has no name"
        if self.refused and self.view is not None:
            holds = any(cause.does == "holds" for cause in self.view.causes)
            return "name what holds" if holds else "not yet, see above"
        return "" if self.text.strip() else "give a reason"

    def _causes(self, width: int) -> list[Line]:
        strip, view = self.strip, self.view
        if strip is None and view is None:
            return wrap("No present view from the engine: it will say what still holds.", width, "warn")
        state = view.trading_state if view is not None else strip.trading_state if strip is not None else None
        if state is TradingState.ACTIVE:
            text = "The desk is ACTIVE. A reason given now is journaled and changes nothing."
            return wrap(text, width, "muted")
        lines = [Line([Span("state".ljust(LABEL), "muted"), Span(state.value if state else "", "*alarm")])]
        if view is not None:
            return [*lines, *_weighed(view, width), *self._after(view, width)]
        if strip is None:
            return lines
        for at, cause in enumerate(strip.causes):
            kind = "latched" if cause.latched else "clears itself"
            text = f"{f.clean(cause.name)}, {f.clean(cause.scope)}: {f.clean(cause.text)}"
            text += f" ({kind}, since {f.when(cause.since, strip.ts)})"
            lines += _under("because" if not at else "", "muted", text, width)
        return lines

    def _after(self, view: ResumeView, width: int) -> list[Line]:
        lines: list[Line] = []
        for error in view.errors:
            lines += _under("but", "*warn", f.clean(error), width, "*warn")
        if not view.taken:
            return [
                *lines,
                *_under("then", "muted", "refused as it stands; nothing is cleared", width, "*warn"),
            ]
        if view.after is TradingState.ACTIVE:
            return [*lines, *_under("then", "muted", f"{g.TICK} ACTIVE", width, "*pos")]
        text = f"still {view.after.value}, until what stays has been good for long enough"
        return [*lines, *_under("then", "muted", text, width, "*warn")]


def _weighed(view: ResumeView, width: int) -> list[Line]:
    lines: list[Line] = []
    for cause in view.causes:
        text = f"{f.clean(cause.name)}, {f.clean(cause.scope)}: {f.clean(cause.text)}"
        lines += _under(
            cause.does,
            _INKS.get(cause.does, "muted"),
            f"{text} (since {f.when(cause.since, view.ts)})",
            width,
        )
        if cause.does == "holds":
            lines += _under("", "muted", _way(cause), width, "*text")
    return lines


def _way(cause: ResumeCauseView) -> str:
    name = f.clean(cause.name)
    named = f'"{name}"' if " " in name else name
    way = f"add --override {named}"
    return f"{way}, or --rebase {cause.rebase} to measure anew" if cause.rebase else way


def _under(label: str, label_ink: str, text: str, width: int, ink: str = "text") -> list[Line]:
    return [
        Line([Span((label if not at else "").ljust(LABEL), label_ink), *part.spans])
        for at, part in enumerate(wrap(text, max(1, width - LABEL), ink))
    ]
