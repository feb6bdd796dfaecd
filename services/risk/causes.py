"""The trading state and the causes it is made of (SEMANTICS 3).

The state is never set: it is the worst of its causes. *Latched* causes go only by `resume` (or by accepting a
reconcile difference); *self-clearing* ones go after their condition has been good for `clear_after_ns`.
Beside the causes stand the disabled origins, which come back only by `enable NAME REASON`.
"""

from __future__ import annotations

from msgspec import Struct, field

from services.domain.enums import Severity, TradingState

CLEAR_AFTER_NS = 60_000_000_000
"""A self-clearing cause goes after this much good time, unless it names its own."""

ALL = "all"


class Cause(Struct, frozen=True, kw_only=True):
    name: str
    """`halt`, `flatten`, `breaker daily`, `stale data`, ...: what `--override` names."""
    scope: str
    """`all`, `account:alpha`, `venue:alpha`, `strategy:NAME`, `coin:USDC`, `pair:P-07`, `instrument:ID`,
    `symbol:SYMBOL`."""
    severity: Severity
    state: TradingState
    latched: bool
    since: int
    text: str
    clear_after_ns: int = CLEAR_AFTER_NS
    holds: bool = True
    """The condition itself is (as far as known) still bad."""
    conditional: bool = False
    """While it holds, a resume has to name it."""


class ResumeAnswer(Struct, frozen=True, kw_only=True):
    """All or nothing: either every latched cause in question is gone, or none is."""

    ok: bool
    cleared: tuple[Cause, ...] = ()
    refused: tuple[str, ...] = ()
    """Why not, one line per cause."""


class CauseRow(Struct):
    name: str
    scope: str
    severity: Severity
    state: TradingState
    latched: bool
    conditional: bool
    """It rests on a condition that may still hold, and then needs an override by name."""
    since: int
    text: str
    clear_after_ns: int
    good_since: int | None = None


class CauseState(Struct):
    rows: dict[str, CauseRow] = field(default_factory=dict)
    """By `name|scope`, in order of arrival."""
    disabled: dict[str, str] = field(default_factory=dict)
    """Origin -> why."""


def worse(first: TradingState, second: TradingState) -> TradingState:
    return first if first.rank >= second.rank else second


class CauseBook:
    """Holds the causes; answers the trading state for any scope."""

    def __init__(self, state: CauseState | None = None) -> None:
        self.state = state if state is not None else CauseState()

    # -- causes ------------------------------------------------------------------------------------------

    def raise_(
        self,
        name: str,
        scope: str,
        severity: Severity,
        state: TradingState,
        text: str,
        now: int,
        *,
        latched: bool = False,
        conditional: bool = False,
        clear_after_ns: int = CLEAR_AFTER_NS,
    ) -> bool:
        """Add a cause or say that it holds still; True when it is new or became worse.

        Saying it again never improves anything: the worse state, the graver severity and the latch stay.
        `conditional`: a resume needs `--override NAME` while the condition holds (breaker, depeg, reconcile).
        """
        row = self.state.rows.get(_key(name, scope))
        if row is None:
            self.state.rows[_key(name, scope)] = CauseRow(
                name, scope, severity, state, latched, conditional, now, text, clear_after_ns
            )
            return True
        graver = _graver(row.severity, severity)
        changed = state.rank > row.state.rank or (latched and not row.latched) or graver is not row.severity
        row.state = worse(row.state, state)
        row.severity = graver
        row.latched = row.latched or latched
        row.conditional = row.conditional or conditional
        row.clear_after_ns = max(row.clear_after_ns, clear_after_ns)
        row.text = text
        row.good_since = None
        return changed

    def good(self, name: str, scope: str, now: int) -> Cause | None:
        """The condition is good (now, still): starts the clearing clock, never restarts it. The cause, if it
        has become good this moment."""
        row = self.state.rows.get(_key(name, scope))
        if row is None or row.good_since is not None:
            return None
        row.good_since = now
        return _cause(row)

    def bad(self, name: str, scope: str) -> Cause | None:
        """The condition holds (again): what was good before counts no more. A cause not there is not made.
        The cause, if it was good until this moment."""
        row = self.state.rows.get(_key(name, scope))
        if row is None or row.good_since is None:
            return None
        row.good_since = None
        return _cause(row)

    def tick(self, now: int) -> tuple[Cause, ...]:
        """Clear what has been good for long enough; latched causes stay however good things are."""
        cleared: list[Cause] = []
        for key in list(self.state.rows):
            row = self.state.rows[key]
            if row.latched or row.good_since is None:
                continue
            if now - row.good_since >= row.clear_after_ns:
                cleared.append(_cause(row))
                del self.state.rows[key]
        return tuple(cleared)

    def next_due(self) -> int | None:
        """When `tick` may next clear something; None = nothing is on its way."""
        dues = [
            row.good_since + row.clear_after_ns
            for row in self.state.rows.values()
            if row.good_since is not None and not row.latched
        ]
        return min(dues) if dues else None

    def drop(self, name: str, scope: str) -> Cause | None:
        """Take one cause away for a reason of its own (`reconcile --accept`, a re-based breaker)."""
        row = self.state.rows.pop(_key(name, scope), None)
        return None if row is None else _cause(row)

    def resume(self, reason: str, *, override: tuple[str, ...] = ()) -> ResumeAnswer:
        """Clear the latched causes. Refused as a whole while one holds that is not overridden by name.

        Self-clearing causes are left alone: they go when their conditions have been good long enough.
        """
        if not reason.strip():
            return ResumeAnswer(ok=False, refused=("a reason is required: resume REASON",))
        latched = [row for row in self.state.rows.values() if row.latched]
        refused = list(self.unknown(override))
        refused += [
            f"{row.name} ({row.scope}) still holds: {row.text}; "
            f'clear its condition or say --override "{row.name}"'
            for row in latched
            if row.conditional and row.good_since is None and row.name not in override
        ]
        if refused:
            return ResumeAnswer(ok=False, refused=tuple(refused))
        for row in latched:
            del self.state.rows[_key(row.name, row.scope)]
        return ResumeAnswer(ok=True, cleared=tuple(_cause(row) for row in latched))

    def unknown(self, override: tuple[str, ...]) -> tuple[str, ...]:
        """What an override names that is not latched, in words."""
        known = {row.name for row in self.state.rows.values() if row.latched}
        return tuple(
            f"--override {name}: no such latched cause (latched now: {', '.join(sorted(known)) or 'none'})"
            for name in override
            if name not in known
        )

    # -- disabled origins --------------------------------------------------------------------------------

    def disable(self, origin: str, why: str) -> bool:
        """`strategy:NAME` (or `operator`) may not send entries until enabled; True when that is new."""
        new = origin not in self.state.disabled
        self.state.disabled.setdefault(origin, why)
        return new

    def enable(self, origin: str, reason: str) -> str | None:
        """Give the origin back; returns why it was disabled. None = refused: not disabled, or no reason."""
        if not reason.strip():
            return None
        return self.state.disabled.pop(origin, None)

    def disabled(self) -> dict[str, str]:
        return dict(self.state.disabled)

    # -- answers -----------------------------------------------------------------------------------------

    def causes(self) -> tuple[Cause, ...]:
        """Every cause, the worst first, then the gravest, then the oldest."""
        found = [_cause(row) for row in self.state.rows.values()]
        return tuple(sorted(found, key=_first_told))

    def has(self, name: str, scope: str = ALL) -> bool:
        return _key(name, scope) in self.state.rows

    def state_for(
        self,
        *,
        venue: str | None = None,
        strategy: str | None = None,
        coins: tuple[str, ...] = (),
        pair: str | None = None,
        instrument: str | None = None,
        symbol: str | None = None,
    ) -> TradingState:
        """The state for something with these scopes: causes of scope `all` and of every scope named."""
        found = TradingState.ACTIVE
        for cause in self.causes_for(
            venue=venue, strategy=strategy, coins=coins, pair=pair, instrument=instrument, symbol=symbol
        ):
            found = worse(found, cause.state)
        return found

    def causes_for(
        self,
        *,
        venue: str | None = None,
        strategy: str | None = None,
        coins: tuple[str, ...] = (),
        pair: str | None = None,
        instrument: str | None = None,
        symbol: str | None = None,
    ) -> tuple[Cause, ...]:
        """The causes behind `state_for`, the worst first."""
        if not self.state.rows:
            return ()
        scopes = [ALL]
        if venue is not None:
            scopes += [f"venue:{venue}", f"account:{venue}"]
        if strategy is not None:
            scopes.append(f"strategy:{strategy}")
        scopes += [f"coin:{coin}" for coin in coins]
        if pair is not None:
            scopes.append(f"pair:{pair}")
        if instrument is not None:
            scopes.append(f"instrument:{instrument}")
        if symbol is not None:
            scopes.append(f"symbol:{symbol}")
        return tuple(cause for cause in self.causes() if cause.scope in scopes)

    def overall(self) -> TradingState:
        """The state of the whole desk: causes of scope `all` alone."""
        return self.state_for()

    def worst(self) -> TradingState:
        """The worst of all causes, whatever their scope: what the strip shows in colour."""
        found = TradingState.ACTIVE
        for row in self.state.rows.values():
            found = worse(found, row.state)
        return found


def _key(name: str, scope: str) -> str:
    return f"{name}|{scope}"


_GRAVITY = {Severity.INFO: 0, Severity.WARNING: 1, Severity.ALARM: 2}


def _graver(first: Severity, second: Severity) -> Severity:
    return first if _GRAVITY[first] >= _GRAVITY[second] else second


def _first_told(cause: Cause) -> tuple[int, int, int, str, str]:
    return -cause.state.rank, -_GRAVITY[cause.severity], cause.since, cause.name, cause.scope


def _cause(row: CauseRow) -> Cause:
    return Cause(
        name=row.name,
        scope=row.scope,
        severity=row.severity,
        state=row.state,
        latched=row.latched,
        since=row.since,
        text=row.text,
        clear_after_ns=row.clear_after_ns,
        holds=row.good_since is None,
        conditional=row.conditional,
    )
