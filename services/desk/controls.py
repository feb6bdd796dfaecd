"""The switches: halt, resume, enable, overrides, and what a change of the trading state does to open work.

Order inside one turn (RUNTIME 3): state in memory, then the latch, then cancels, then the pairs' unwinding.
"""

from __future__ import annotations

from collections.abc import Mapping

from services.desk import gatekeeping, pegs, rebuilt, revaluation
from services.desk.core import DeskCore, cause_key
from services.desk.hand import OPERATOR
from services.desk.submit import Submitter
from services.domain.enums import PairState, Severity, TradingState
from services.domain.money import ZERO
from services.domain.records import OverrideRecord
from services.execution.flatten import Scope
from services.execution.pair_state import Pair
from services.risk.breaker import DAILY, DRAWDOWN, ROLLING
from services.risk.causes import ALL, Cause
from services.settings.catalog import apply, canonical_key, is_loosening
from services.settings.errors import SettingsError
from services.settings.keys import find
from services.settings.parameters import Settings
from services.settings.rules import contradictions

FLATTEN = "flatten"
PROVEN = "R and a reason"
"""What is left to do once a flatten is proven flat."""


class LooseningRefused(Exception):
    """A limit may be loosened only with a reason and in ACTIVE; one line."""


def halt(core: DeskCore, submit: Submitter, name: str, reason: str) -> int:
    """HALTED at once, latched; every risk-increasing order canceled. Returns the number of cancels."""
    new = core.raise_cause(name, ALL, TradingState.HALTED, reason, severity=Severity.ALARM, latched=True)
    if not new:
        # Said again: the latch once more, in case the file was lost or the first write failed.
        core.write_latch()
    cancelled = cancel_increasing(core, submit)
    react(core, submit)
    return cancelled


def halt_scope(core: DeskCore, submit: Submitter, scope: Scope, reason: str) -> None:
    """Before a flatten: its scope is halted; a leg takes its whole pair."""
    if scope == Scope():
        halt(core, submit, FLATTEN, reason)
        return
    name = scope_name(scope)
    new = core.raise_cause(FLATTEN, name, TradingState.HALTED, reason, severity=Severity.ALARM, latched=True)
    if not new:
        core.write_latch()
    react(core, submit)


def flatten(core: DeskCore, submit: Submitter, reason: str) -> None:
    """Everything, by the desk's own decision: halted and latched first, then closed; nobody waits for it."""
    halt(core, submit, FLATTEN, reason)
    name, actions = core.flattens.start(Scope(), reason, "desk", core.now, submit.prices)
    core.decide("flatten", name, reason, {"everything": "True"})
    submit.run(actions)


def scope_name(scope: Scope) -> str:
    """The scope of the cause that a flatten leaves."""
    if scope.venue is not None:
        return f"venue:{scope.venue}"
    if scope.pair is not None:
        return f"pair:{scope.pair}"
    if scope.instrument is not None:
        return f"instrument:{scope.instrument}"
    return ALL if scope.symbol is None else f"symbol:{scope.symbol}"


def proven_flat(core: DeskCore, scope: Scope) -> None:
    """What was waited for has come: the cause of the flatten, which stays until a resume, says so."""
    for cause in core.causes.causes():
        if cause.name == FLATTEN and (scope.everything or cause.scope == scope_name(scope)):
            core.alerts.retell(cause_key(cause.name, cause.scope), f"{cause.text}; proven flat", do=PROVEN)


def unproven(core: DeskCore, cause: Cause) -> bool:
    """A flatten that nobody has proven flat: something may be open that a person wanted closed."""
    return cause.name == FLATTEN and core.alerts.told(cause_key(cause.name, cause.scope))[1] != PROVEN


def left_open(core: DeskCore, scope: Scope) -> None:
    """It has ended and is not flat: nobody is to wait for it, or to resume as after one that is proven."""
    name = scope_name(scope)
    for cause in core.causes.causes():
        if cause.name == FLATTEN and cause.scope == name:
            again = "F again" if name == ALL else f":flatten {name.partition(':')[2]} again"
            do = f"{again}, until it is proven flat; its list says what is left and why"
            core.alerts.retell(cause_key(cause.name, cause.scope), f"{cause.text}; ended NOT flat", do=do)


def cancel_increasing(core: DeskCore, submit: Submitter) -> int:
    """Cancel every order of ours that could increase a position; what was not sent is never sent."""
    count = rebuilt.cancel_former(core)
    for entry in core.orders.open_orders():
        if entry.request.reduce_only or entry.settled:
            continue
        count += 1
        submit.cancel(entry.id)
    return count


def pair_state(core: DeskCore, pair: Pair) -> TradingState:
    """The worst state over the scopes of both legs."""
    worst = TradingState.ACTIVE
    for leg in pair.legs:
        state, _ = gatekeeping.state_of(core, leg.instrument, pair.origin, pair.id)
        if state.rank > worst.rank:
            worst = state
    return worst


def react(core: DeskCore, submit: Submitter) -> None:
    """The state left ACTIVE, or got worse: pairs that open or close go to `unwinding` in the same step.

    SEMANTICS 3. Judged by the change, so that an exit begun in REDUCING, where exits pass, may finish. A pair
    that is being flattened is closed by protective orders and goes on.
    """
    core.state.causes_changed = False
    flattening = [name for run in core.flattens.running() for name in run.pairs]
    for pair in core.pairs.live():
        admitted = core.state.admitted.get(pair.id)
        before = 0 if admitted is None else admitted.state_rank
        state = pair_state(core, pair)
        if admitted is not None:
            admitted.state_rank = state.rank
        # One that the policy `cancel` stopped with a naked leg waits for a person: a halt is one's word, also
        # one that was there before the exit. Its own page, which makes it REDUCING, is none.
        halted = state is TradingState.HALTED
        wakes = pair.stopped and halted
        if (state.rank <= before and not wakes) or pair.id in flattening:
            continue
        if halted and pair.exit_after:
            _say_dropped(core, pair, pair.exit_after, pair.exit_origin)
            core.pairs.drop_exit(pair.id)
        # A pair in doubt or frozen is judged by what it would go on with.
        state_now = pair.resume if pair.state in (PairState.FROZEN, PairState.IN_DOUBT) else pair.state
        # One that was closed while it was opening unwinds first, and would then go on with that exit.
        closes = state_now is PairState.CLOSING or (
            state_now is PairState.UNWINDING and pair.then_close and not pair.stopped
        )
        if (
            state_now in (PairState.PLANNED, PairState.OPENING)
            or (closes and not pair.close_purpose.protective)
            or wakes
        ):
            reason = f"state {state.value}"
            causes = ", ".join(f"{cause.name} ({cause.scope})" for cause in core.causes.causes())
            core.decide("unwind", pair.id, reason, {"causes": causes})
            if halted and pair.close_reason:
                _say_dropped(core, pair, pair.close_reason, pair.close_origin)
            # In REDUCING exits pass: one that is under way goes on behind the unwinding.
            submit.run(
                core.pairs.request_unwind(pair.id, reason, core.now, submit.prices, exits_pass=not halted)
            )
    for entry in core.orders.open_orders():
        request = entry.request
        if request.reduce_only or request.pair is not None:
            continue
        state, _ = gatekeeping.state_of(core, request.instrument, request.origin, None)
        if state is not TradingState.ACTIVE:
            submit.cancel(entry.id)


def _say_dropped(core: DeskCore, pair: Pair, exit_reason: str, origin: str) -> None:
    """Whoever judges exits by rule decides anew; a person was answered "ok" and would wait."""
    text = f"{pair.id}: the halt ended its close ({exit_reason}); what is left of it stands"
    core.risk_event("exit dropped", pair.id, text)
    if origin == OPERATOR:
        core.alert(f"exit dropped:{pair.id}", None, text)


def resume(core: DeskCore, reason: str, override: tuple[str, ...], rebase: str) -> str | None:
    """ACTIVE again, or why not. A re-based breaker measures anew from here and its cause goes."""
    if not reason:
        return "a reason is required: resume REASON"
    error, named = named_by(core, override, rebase)
    if error:
        return error
    answer = core.causes.resume(reason, override=named)
    if not answer.ok:
        return "; ".join(answer.refused)
    if rebase:
        core.breaker.rebase(rebase)
        revaluation.rebased(core, rebase)
    for cause in answer.cleared:
        core.cleared(cause.name, cause.scope)
        pegs.resumed(core, cause.name)
    core.breaker.release()
    for venue in core.settings.venues:
        core.trips.resumed(venue)
    core.write_latch()
    core.decide("resume", "operator", reason, {"cleared": str(len(answer.cleared))})
    core.risk_event("resume", "operator", reason)
    left = core.causes.worst()
    if left is not TradingState.ACTIVE:
        core.decide("resume", "operator", f"still {left.value}: self-clearing causes remain")
    return None


def switches(args: Mapping[str, str]) -> tuple[tuple[str, ...], str]:
    """(`--override` names, `--rebase`) of a resume as it was sent."""
    parts = (part.strip() for part in args.get("override", "").split(","))
    return tuple(part for part in parts if part), args.get("rebase", "")


def named_by(core: DeskCore, override: tuple[str, ...], rebase: str) -> tuple[str, tuple[str, ...]]:
    """(what is wrong, the causes that a resume names, those of its re-base among them)."""
    if not rebase:
        return "", override
    if rebase not in (DAILY, DRAWDOWN):
        return f"--rebase {rebase}: expected {DAILY} or {DRAWDOWN}", override
    last = core.breaker.state.last
    if last is None or last.value <= ZERO:
        return f"--rebase {rebase}: no equity is known to measure from", override
    mine = [each.name for each in core.causes.causes() if each.latched and rebase_of(each.name) == rebase]
    return "", (*override, *[name for name in mine if name not in override])


def rebase_of(cause: str) -> str:
    """The re-base that takes a breaker's cause away: the daily one takes the rolling one along (the same
    loss). Empty = none does."""
    measured = {f"breaker {DAILY}": DAILY, f"breaker {ROLLING}": DAILY, f"breaker {DRAWDOWN}": DRAWDOWN}
    return measured.get(cause, "")


def enable(core: DeskCore, name: str, reason: str) -> None:
    """A paused, dropped, throttled or stopped strategy trades again; `no edge` starts a new sample."""
    slot = core.state.strategies[name]
    if slot.stopped:
        slot.sample_since = core.now
    slot.paused, slot.dropped, slot.stopped = False, "", ""
    slot.next_ts = 0
    origin = f"strategy:{name}"
    core.causes.enable(origin, reason)
    core.throttle.forget(origin)
    core.trips.enabled(name)
    core.resolve(f"throttle:{origin}")
    core.resolve(f"strategy overrun:{name}")
    core.resolve(f"no edge:{name}")
    for cause in core.causes.causes():
        if cause.scope == origin and core.causes.drop(cause.name, origin) is not None:
            core.cleared(cause.name, origin)
    core.risk_event("enabled", name, reason)


ROW = "gate.limits."
"""Before the symbol and the limit of an instrument's own row."""


def check_loosening(core: DeskCore, key: str, before: Settings, after: Settings, reason: str) -> None:
    """Raises LooseningRefused: loosening a limit needs a reason and ACTIVE."""
    if not is_loosening(before, after, key):
        return
    if not reason.strip():
        raise LooseningRefused(f"{key}: loosening a limit needs a reason at the end of the line")
    if core.causes.worst() is not TradingState.ACTIVE:
        raise LooseningRefused(f"{key}: a limit is loosened only in ACTIVE (now {core.causes.worst().value})")


def check_pinned(core: DeskCore, key: str, value: str) -> None:
    """Raises SettingsError: what the environment gives goes before an override, which would hold nothing."""
    if key in core.base_settings.pinned:
        raise SettingsError(key, value, "a change of the environment, which gives it and goes before :set")


def check_symbol(core: DeskCore, key: str, value: str) -> None:
    """Raises SettingsError: a limit for what no venue has would hold nothing, and its name is mistyped."""
    if not key.startswith(ROW):
        return
    symbol = key.removeprefix(ROW).rpartition(".")[0]
    known = symbol in core.instruments or any(spec.symbol == symbol for spec in core.instruments.values())
    if not known and symbol not in core.base_settings.gate.limits:
        raise SettingsError(key, value, f"an instrument that a venue has; {symbol} is none")


def override(core: DeskCore, key: str, value: str | None, origin: str, reason: str) -> None:
    """Keep an override in the store; None takes it back."""
    if value is None:
        core.state.overrides.pop(key, None)
    else:
        core.state.overrides[key] = value
    core.record(OverrideRecord(ts=core.now, key=key, value=value, origin=origin, reason=reason))
    core.risk_event("override", key, f"{value if value is not None else 'unset'} {reason}".strip())


def not_overridden(core: DeskCore, key: str) -> str:
    """Whoever types another name than the setting's learns what there is: `:limit` sets one with a longer."""
    there = ", ".join(core.state.overrides) or "none is"
    return f"{key} is not overridden; what is: {there}"


STORED = "override in the store (make the profile fit it, start, then :unset it)"


def with_overrides(base: Settings, overrides: Mapping[str, str], place: str = "") -> Settings:
    """The profile's settings with the operator's overrides on top, but for what the environment gives, which
    goes before them (RUNTIME 7), for a parameter that is gone, and for a value that this version does not
    take any more where it is no limit. Only all of them together may contradict each other: they are kept by
    name, not in the order in which they made sense. Raises SettingsError that names `place`."""
    settings = base
    try:
        for key, text in overrides.items():
            if key in base.pinned or not is_known(settings, key):
                continue
            try:
                settings = apply(settings, key, text)
            except SettingsError:
                if find(settings, key).field.looser:  # passed over, it might be looser
                    raise
        for key, value, expected in contradictions(settings):
            raise SettingsError(key, value, expected)
    except SettingsError as error:
        raise error.at(place, None) from None
    return settings


def is_known(settings: Settings, key: str) -> bool:
    """Is there such a parameter? A strategy may have left the profile since it was overridden."""
    try:
        canonical_key(settings, key)
    except SettingsError:
        return False
    return True
