"""Screen 4, Strategies: what each does, its parameters changed in place, and each live pair."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from screens import known, layout
from screens.draw import strategies
from screens.frame import Content
from screens.ink import Line
from screens.layout import Rect, SizeClass
from screens.room import Host, Look, PaneSpec, Room
from services.protocol.figures import joined
from services.views.strategies import ParameterView, StrategiesView

PARAMETERS = "strategies.strategies.*.parameters"


class StrategiesRoom(Room):
    name = "strategies"
    panes: ClassVar[tuple[PaneSpec, ...]] = (
        PaneSpec(
            "running", "Strategies", table="strategies.strategies.*.status", keyed=lambda _, row: row.name
        ),
        PaneSpec(
            "parameters",
            "Parameters",
            foot=(SizeClass.WIDE, SizeClass.MEDIUM),
            table=PARAMETERS,
            keyed=lambda _, row: row.key,
        ),
        PaneSpec(
            "pairs",
            "Pairs",
            sorts=strategies.PAIR_SORTS,
            columns=strategies.PAIR_NAMES,
            keyed=lambda _, row: row.id,
        ),
    )

    steers: ClassVar[frozenset[str]] = frozenset({"running"})

    def __init__(self) -> None:
        self._view: StrategiesView | None = None
        self._chosen = ""

    def topics(self) -> tuple[str, ...]:
        return ("strategies",)

    def places(self, size: SizeClass, body: Rect, views: Mapping[str, object]) -> dict[str, Rect]:
        many, live = self.shape(views)
        top = min(many + 3, body.height // 4)
        low = min(max(live + 3, 6), body.height // 3)
        return layout.stacked(body, {"running": top, "parameters": body.height - top - low, "pairs": 0})

    def shape(self, views: Mapping[str, object]) -> tuple[int, int]:
        view = views.get("strategies")
        return (len(view.strategies), len(view.pairs)) if isinstance(view, StrategiesView) else (1, 0)

    def draw(self, pane: str, look: Look) -> Content:
        view = look.view("strategies", StrategiesView)
        if view is None:
            return Content(title="")
        self._view = view
        if pane == "running":
            return strategies.strategies(view, look.width, look.context)
        if pane == "parameters":
            return strategies.parameters(view, self._name(view), look.width, look.context)
        order = look.held(pane, [pair.id for pair in view.pairs])
        return strategies.pairs(view, look.width, look.context, order)

    def _name(self, view: StrategiesView) -> str:
        names = [one.status.name for one in view.strategies]
        return self._chosen if self._chosen in names else names[0] if names else ""

    def drawer(self, pane: str, key: str, look: Look) -> list[Line]:
        view = look.view("strategies", StrategiesView)
        if view is None:
            return []
        make = {
            "running": strategies.strategy_drawer,
            "parameters": strategies.parameter_drawer,
            "pairs": strategies.pair_drawer,
        }[pane]
        return make(view, key, look.width)

    def tab(self, pane: str, views: Mapping[str, object]) -> tuple[str, str]:
        view = views.get("strategies")
        if not isinstance(view, StrategiesView):
            return ("", "muted")
        if pane == "running":
            return (str(len(view.strategies)), "muted")
        if pane == "pairs":
            return (str(len(view.pairs)), "muted")
        changed = sum(one.overridden for each in view.strategies for one in each.parameters)
        return (f"{changed} set" if changed else "", "accent")

    def chose(self, pane: str, key: str) -> None:
        if pane == "running" and key:
            self._chosen = key

    def detail(self, pane: str, key: str, host: Host) -> bool:
        if pane != "parameters" or not key:
            return False
        self.act("edit", host, pane, key)
        return True

    def act(self, action: str, host: Host, pane: str, key: str) -> None:
        if action == "close_pair":
            if pane != "pairs" or not key:
                host.say("select a pair in Pairs first")
                return
            about = "Closes both legs in step; escape leaves it open."
            host.ask(f"close {key}? type yes:", "", lambda text: self._close(host, key, text), about)
            return
        found = (
            strategies.parameter(self._view, key) if self._view is not None and pane == "parameters" else None
        )
        if found is None:
            host.say("select a parameter in Parameters first")
        elif action == "revert":
            if found.overridden:
                host.send("unset", {"key": found.key}, f"{found.key} as the profile has it …")
            else:
                host.say(f"{found.key} is as the profile has it")
        else:
            about = f"{strategies.meaning(found)} Now {found.value}, default {found.default}."
            host.ask(_prompt(found), found.value, lambda text: self._entered(host, found, text), about)

    def _entered(self, host: Host, one: ParameterView, text: str) -> str | None:
        """A value that is none stays where it is typed: behind a field that has closed, the letters of a
        second try would be keys. The engine checks it against every rule and says why it refuses.
        """
        first, _, rest = text.strip().partition(" ")
        value, reason = joined(first, rest)
        if not value:
            return "a value with its unit; escape leaves it as it is"
        if one.value in (value, text.strip()):
            host.say(f"{one.key} is {one.value} already")
            return None
        wrong = known.problem(self._kind(one.key), one.key, value, one.value, reason)
        if wrong is not None:
            return wrong
        args = {"key": one.key, "value": value}
        if reason:
            args["reason"] = reason
        host.send("set", args, f"{one.key} {value} …")
        return None

    def _kind(self, key: str) -> str:
        rows = self._view.strategies if self._view is not None else ()
        return next((each.status.kind for each in rows if each.status.name == key.partition(".")[0]), "")

    def _close(self, host: Host, pair: str, text: str) -> str | None:
        if text.strip().casefold() not in ("yes", "y"):
            return "yes closes both legs in step; escape leaves it open"
        host.send("pair close", {"id": pair}, f"closing {pair} …")
        return None

    def strategy(self, pane: str, key: str, views: Mapping[str, object]) -> str:
        view = views.get("strategies")
        if not isinstance(view, StrategiesView):
            return ""
        if pane == "running":
            return key
        if pane == "parameters":
            return key.partition(".")[0]
        return next((pair.strategy for pair in view.pairs if pair.id == key), "")


def _prompt(one: ParameterView) -> str:
    short = one.key.partition(".")[2]
    return f"{short} (value reason) " if one.limit else f"{short} "
