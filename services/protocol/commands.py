"""Every command of the desk as data: name, arguments, help, example, and where it may be typed.

One table for the `:` line, the palette, the shell, the help screen and the documentation.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Takes(StrEnum):
    """What an argument is: the completion asks for candidates by this word."""

    WORD = "word"
    REST = "rest"
    """All that is left of the line."""
    STRATEGY = "strategy"
    PAIR = "pair"
    SCOPE = "scope"
    """A symbol, an instrument, a venue or a pair."""
    SYMBOL = "symbol"
    ORDER = "order"
    ALERT = "alert"
    CAUSE = "cause"
    SETTING = "setting"
    LIMIT = "limit"
    FAULT = "fault"
    VENUE = "venue"
    REBASE = "rebase"


class Argument(Struct, frozen=True):
    name: str
    takes: Takes
    help: str
    optional: bool = False


class Switch(Struct, frozen=True):
    """`--name VALUE`, anywhere in the line."""

    name: str
    takes: Takes
    help: str
    repeats: bool = False
    """Repeated values travel joined by commas."""


class Spec(Struct, frozen=True, kw_only=True):
    name: str
    """As typed and as sent: two words where there are two."""
    args: tuple[Argument, ...] = ()
    switches: tuple[Switch, ...] = ()
    help: str
    example: str
    line: bool = True
    """May be typed on the `:` line."""
    shell: bool = True
    """Is a command of the program."""
    safety: bool = False
    """Makes the account safer only: never queued behind anything."""
    reads: bool = False
    """Changes nothing: answered from the present state and not journaled."""

    @property
    def usage(self) -> str:
        parts = [self.name]
        parts += [f"[{arg.name.upper()}]" if arg.optional else arg.name.upper() for arg in self.args]
        parts += [f"[--{switch.name} {_shown(switch)}]" for switch in self.switches]
        return " ".join(parts)


REBASES = ("drawdown", "daily")
LIMIT_KEYS = ("max_position", "max_size", "max_leverage")
"""`max_size` is the article's word for `max_position`."""

_SHOWN_CHOICES = {Takes.REBASE: "|".join(REBASES)}


def _shown(switch: Switch) -> str:
    return _SHOWN_CHOICES.get(switch.takes, switch.name.upper() if switch.name != "override" else "CAUSE")


_NAME = Argument("name", Takes.STRATEGY, "the strategy")
_REASON = Argument("reason", Takes.REST, "why, for the journal")
_MAYBE_REASON = Argument("reason", Takes.REST, "why; needed to loosen", optional=True)

_SYMBOL = Argument("symbol", Takes.SYMBOL, "a symbol that one venue has, or SYMBOL.VENUE")
_SIZE = Argument("size", Takes.WORD, "in base units")
_TERMS = Argument("terms", Takes.REST, "@ PRICE, post, ioc, reduce", optional=True)

SPECS: tuple[Spec, ...] = (
    Spec(
        name="halt",
        args=(Argument("reason", Takes.REST, "why, for the journal", optional=True),),
        help="Halt at once: cancel every risk-increasing order; positions and protective orders stay.",
        example="halt",
        safety=True,
    ),
    Spec(
        name="resume",
        args=(_REASON,),
        switches=(
            Switch("override", Takes.CAUSE, "trade although this cause still holds", repeats=True),
            Switch("rebase", Takes.REBASE, "measure this breaker anew from here"),
        ),
        help="Trade again, with a reason; a cause that still holds must be overridden or re-based by name.",
        example='resume checked both venues --override "breaker daily"',
    ),
    Spec(
        name="flatten",
        args=(
            Argument("what", Takes.SCOPE, "a symbol, venue or pair; everything when left out", optional=True),
        ),
        help="Close positions by reducing orders with widening bands, then prove it by a fresh read.",
        example="flatten BTC-USDT-PERP",
        safety=True,
    ),
    Spec(
        name="pause",
        args=(_NAME,),
        help="No new intents of a strategy; its positions keep stops and exits.",
        example="pause funding_arb",
        safety=True,
    ),
    Spec(
        name="enable",
        args=(_NAME, _REASON),
        help="Let a paused or stopped strategy trade again; after `no edge` with a new sample.",
        example="enable funding_arb spread is back",
    ),
    Spec(
        name="buy",
        args=(_SYMBOL, _SIZE, _TERMS),
        help="Buy by hand, as the gate allows; without a price it takes within the first band or not at all.",
        example="buy USDT-PERP.alpha 1000 @ 0.9995 post",
        shell=False,
    ),
    Spec(
        name="sell",
        args=(_SYMBOL, _SIZE, _TERMS),
        help="Sell by hand, as the gate allows.",
        example="sell BTC-USDT-PERP.alpha 0.05 reduce",
        shell=False,
    ),
    Spec(
        name="cancel",
        args=(Argument("what", Takes.ORDER, "an order's id or its end, a symbol, or all"),),
        help="Cancel working orders of ours; those that protect a position stay.",
        example="cancel BTC-USDT-PERP",
        shell=False,
        safety=True,
    ),
    Spec(
        name="preview",
        args=(Argument("side", Takes.WORD, "buy or sell"), _SYMBOL, _SIZE, _TERMS),
        help="What the gate would say to an order; nothing is placed or reserved.",
        example="preview buy USDT-PERP.alpha 1000",
        line=False,
        shell=False,
        reads=True,
    ),
    Spec(
        name="pair open",
        args=(
            Argument("short", Takes.SYMBOL, "the leg to sell, as SYMBOL.VENUE"),
            Argument("long", Takes.SYMBOL, "the leg to buy, as SYMBOL.VENUE"),
            Argument("notional", Takes.WORD, "USD a leg"),
            Argument("reason", Takes.REST, "why, for the journal", optional=True),
        ),
        help="Open a pair by hand, both legs as one, as sizing and gate allow.",
        example="pair open BTC-USDT-PERP.alpha BTC-USDC-PERP.beta 4000",
        shell=False,
    ),
    Spec(
        name="preview pair",
        args=(
            Argument("short", Takes.SYMBOL, "the leg to sell"),
            Argument("long", Takes.SYMBOL, "the leg to buy"),
            Argument("notional", Takes.WORD, "USD a leg"),
            Argument("reason", Takes.REST, "why", optional=True),
        ),
        help="What would be said to a pair, its costs, and what it changes; nothing is placed.",
        example="preview pair BTC-USDT-PERP.alpha BTC-USDC-PERP.beta 4000",
        line=False,
        shell=False,
        reads=True,
    ),
    Spec(
        name="preview resume",
        args=(Argument("reason", Takes.REST, "why", optional=True),),
        switches=(
            Switch("override", Takes.CAUSE, "trade although this cause still holds", repeats=True),
            Switch("rebase", Takes.REBASE, "measure this breaker anew from here"),
        ),
        help="What a resume would clear, and what would keep it from being taken; nothing changes.",
        example="preview resume",
        line=False,
        shell=False,
        reads=True,
    ),
    Spec(
        name="pair close",
        args=(Argument("id", Takes.PAIR, "the pair"),),
        help="Close a pair, both legs in step.",
        example="pair close P-07",
        shell=False,
    ),
    Spec(
        name="ack",
        args=(Argument("key", Takes.ALERT, "the alert"),),
        help="Acknowledge an alert.",
        example="ack depeg:USDC",
        shell=False,
    ),
    Spec(
        name="set",
        args=(
            Argument("key", Takes.SETTING, "the setting"),
            Argument("value", Takes.WORD, "with its unit"),
            _MAYBE_REASON,
        ),
        help="Override a setting from the next event on; loosening a limit needs a reason and ACTIVE.",
        example="set funding_arb.min_spread 0.8bps/8h",
        shell=False,
    ),
    Spec(
        name="unset",
        args=(Argument("key", Takes.SETTING, "the setting"), _MAYBE_REASON),
        help="Take an override back; where that loosens a limit it needs a reason and ACTIVE.",
        example="unset funding_arb.min_spread",
        shell=False,
    ),
    Spec(
        name="limit",
        args=(
            Argument("symbol", Takes.SYMBOL, "a symbol, or SYMBOL.VENUE"),
            Argument("key", Takes.LIMIT, "max_position (USD) or max_leverage"),
            Argument("value", Takes.WORD, "the limit"),
            _MAYBE_REASON,
        ),
        help="Set an instrument's own limit; loosening needs a reason and ACTIVE.",
        example="limit USDT-PERP max_position 50000",
        shell=False,
    ),
    Spec(
        name="stop",
        help="Stop the engine gracefully: pairs hedged or closed first, positions kept.",
        example="stop",
    ),
    Spec(
        name="fault",
        args=(
            Argument("kind", Takes.FAULT, "how it misbehaves"),
            Argument("venue", Takes.VENUE, "a venue, or all (fsync: all)"),
            Argument("chance", Takes.WORD, "from 0 (ends it) to 1, for each occasion"),
        ),
        help="Make a simulated venue, or with fsync the disk, misbehave (simulator only); 0 ends it.",
        example="fault drop alpha 0.1",
        shell=False,
    ),
    Spec(name="status", help="The state of the desk.", example="status", line=False, reads=True),
    Spec(
        name="settings",
        help="Every parameter as the engine has it now; `config check` compares.",
        example="settings",
        line=False,
        shell=False,
        reads=True,
    ),
    Spec(name="positions", help="Open positions.", example="positions", line=False, reads=True),
    Spec(name="orders", help="Working and in-doubt orders.", example="orders", line=False, reads=True),
    Spec(
        name="health",
        help="Readings of venues, process, store, channels.",
        example="health",
        line=False,
        shell=False,
        reads=True,
    ),
    Spec(name="pairs", help="Pairs, with residual and naked clock.", example="pairs", line=False, reads=True),
    Spec(
        name="alerts",
        help="Alerts: what is open, what was acknowledged, what has resolved.",
        example="alerts",
        line=False,
        reads=True,
    ),
    Spec(
        name="reconcile",
        help="Read every venue afresh and list what differs from our books.",
        example="reconcile",
    ),
    Spec(
        name="reconcile accept",
        args=(
            Argument("ids", Takes.REST, "the lines, by their ids; all that wait if left out", optional=True),
        ),
        help="Adopt the shown differences to the venues: the venue is the truth.",
        example="reconcile accept",
        shell=False,
    ),
)

BY_NAME: dict[str, Spec] = {spec.name: spec for spec in SPECS}
