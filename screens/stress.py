"""Screen 8, Stress: what if? Shocks of a person's choice on the present books. It sends no command."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from screens import layout
from screens.draw import stress, stress_cases
from screens.frame import Content
from screens.ink import Line
from screens.layout import Rect, SizeClass
from screens.room import Host, Look, PaneSpec, Room
from screens.typed import SHOCK
from services.views.stress import StressLab, change_of, topic_of

STEP = Decimal("0.01")
CASES = 56
"""Cells in which a standing case has room for its change of equity beside its usage."""
_LINE = re.compile(r"(?P<coin>\S+)\s+(?P<figure>[+\-−]?\d+(\.\d+)?)\s*%?")


class StressRoom(Room):
    name = "stress"
    panes: ClassVar[tuple[PaneSpec, ...]] = (
        PaneSpec("shocks", "Shocks", columns=stress.SHOCK_NAMES, keyed=lambda _, row: row.coin),
        PaneSpec(
            "outcome",
            "Outcome",
            sorts=stress.OUTCOME_SORTS,
            columns=stress.OUTCOME_NAMES,
            table="stress.outcomes",
            keyed=lambda _, row: stress.account_key(row),
        ),
        PaneSpec("scale", "Scale", columns=stress.STEP_NAMES, table="stress.steps", detail=False),
        PaneSpec(
            "cases",
            "Standing cases",
            tab="Cases",
            sorts=stress_cases.SORTS,
            columns=stress_cases.NAMES,
            keyed=lambda _, row: row.name,
        ),
    )

    def __init__(self) -> None:
        self.changes: dict[str, Decimal] = {}
        """Fractions of the USD price, by coin."""
        self.lab: StressLab | None = None
        """The last one: it stands until the engine has answered other shocks."""

    def topics(self) -> tuple[str, ...]:
        return (topic_of(self.changes),)

    def places(self, size: SizeClass, body: Rect, views: Mapping[str, object]) -> dict[str, Rect]:
        lab = views.get("stress", self.lab)
        coins = len(lab.shocks) if isinstance(lab, StressLab) else 6
        accounts = len(lab.outcomes) if isinstance(lab, StressLab) else 3
        top = min(max(coins + 3, accounts + 6, 9), body.height // 2)
        upper, lower = layout.stacked(body, {"upper": top, "lower": 0}).values()
        share, cases = body.width * 2 // 5, max(CASES, body.width * 2 // 5)
        return {
            **layout.beside(upper, {"shocks": share, "outcome": body.width - share}),
            **layout.beside(lower, {"cases": cases, "scale": body.width - cases}),
        }

    def shape(self, views: Mapping[str, object]) -> object:
        lab = views.get("stress", self.lab)
        return (len(lab.shocks), len(lab.outcomes)) if isinstance(lab, StressLab) else None

    def ready(self, views: Mapping[str, object]) -> bool:
        return self.lab is not None or super().ready(views)

    def draw(self, pane: str, look: Look) -> Content:
        lab = look.view("stress", StressLab) or self.lab
        if lab is None:
            return Content(title="")
        self.lab = lab
        if pane == "scale":
            return stress.steps(lab, look.width, look.height, look.context)
        make = {"shocks": stress.shocks, "outcome": stress.outcome, "cases": stress_cases.cases}[pane]
        return make(lab, look.width, look.context)

    def drawer(self, pane: str, key: str, look: Look) -> list[Line]:
        lab = self.lab
        if lab is None:
            return []
        if pane == "shocks":
            return stress.outcome_lines(lab, look.width) if look.plan.tabs else []
        if pane == "outcome":
            return stress.outcome_drawer(lab, key, look.width)
        return stress_cases.drawer(lab, key, look.width) if pane == "cases" else []

    def tab(self, pane: str, views: Mapping[str, object]) -> tuple[str, str]:
        if pane == "shocks" and self.changes:
            return (str(len(self.changes)), "accent")
        lab = self.lab
        if pane == "outcome" and lab is not None and any(one.infinite for one in lab.outcomes):
            return ("gone", "*alarm")
        return ("", "muted")

    def detail(self, pane: str, key: str, host: Host) -> bool:
        if pane == "shocks" and key:
            self.act("edit", host, pane, key)
            return True
        if pane == "cases":
            self.act("take", host, pane, key)
            return True
        return False

    def act(self, action: str, host: Host, pane: str, key: str) -> None:
        if action == "clear":
            self.changes = {}
            host.say("no shocks")
            host.redraw()
        elif action == "take":
            self._take(host, key)
        elif pane != "shocks" or not key:
            host.say("select a coin in Shocks first")
        elif action == "edit":
            now = self.changes.get(key)
            text = "" if now is None else f"{(now * 100).normalize():f}"
            host.ask(f"{key} %", text, lambda entered: self._entered(host, key, entered))
        else:
            step = STEP if action == "more" else -STEP
            self._set(host, key, self.changes.get(key, Decimal(0)) + step)

    def _take(self, host: Host, name: str) -> None:
        cases = self.lab.cases if self.lab is not None else ()
        case = next((one for one in cases if one.name == name), None)
        if case is None or not case.changes:
            host.say("this case moves no price: there is nothing to take over")
            return
        self.changes = dict(case.changes)
        host.say(f"shocks of {name}")
        host.redraw()

    def _entered(self, host: Host, coin: str, text: str) -> str | None:
        if text and not _LINE.fullmatch(f"{coin} {text}"):
            return f"{coin}: expected a percentage such as -3, not {text}"
        return self.line(f"{coin} {text or 0}", host)

    def line(self, text: str, host: Host) -> str | None:
        """`USDC -3%`; nothing clears. Gives what is wrong with it, or None."""
        if not text.strip():
            self.act("clear", host, "", "")
            return None
        found = _LINE.fullmatch(text.strip())
        if found is None:
            return SHOCK
        coins = [one.coin for one in self.lab.shocks] if self.lab is not None else []
        coin = next((each for each in coins if each.casefold() == found["coin"].casefold()), None)
        if coin is None:
            known = ", ".join(coins) or "the engine has not named its coins yet"
            return f"no coin {found['coin']}: {known}"
        figure = found["figure"].replace("−", "-")
        try:
            change = change_of(str(Decimal(figure) / 100))
        except ValueError:
            return f"a shock of {figure} % is out of bounds: between -99 and 1000"
        self._set(host, coin, change)
        return None

    def _set(self, host: Host, coin: str, change: Decimal) -> None:
        try:
            change = change_of(str(change))
        except ValueError:
            host.say(f"{coin}: no further")
            return
        self.changes = {**self.changes, coin: change}
        if not change:
            del self.changes[coin]
        host.say(f"{coin} {stress.percents(change)}" if change else f"{coin} not shocked")
        host.redraw()
