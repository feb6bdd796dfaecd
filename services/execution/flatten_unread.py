"""What a flatten leaves standing: what hedges something that it cannot see, or cannot close.

While a venue has not been read, nobody knows what it holds.

What stands alone on the venues that answer may be hedged on the one that does not; to close it would leave a
naked leg that nothing here could reach. So of each underlying that the silent venue trades, the net that
stands elsewhere stays, and only what hedges itself on the venues that answer goes, in step (`flatten_step`).
It goes the moment the venue has been read; until then the flatten lists it as left, with the reason.

What a venue takes no order for (it has raised its minimum) and is worth more than may stand alone keeps what
hedges it in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from services.domain.instrument import Instrument
from services.domain.money import ZERO
from services.execution.flatten_left import hedging_dust
from services.execution.flatten_state import Flatten, FlattenView
from services.execution.pairs import PairMachine


def staying(
    run: Flatten,
    sizes: Mapping[str, Decimal],
    instruments: Mapping[str, Instrument],
    view: FlattenView,
    pairs: PairMachine,
    allowed: Decimal,
) -> dict[str, Decimal]:
    """By hedge group the net of `sizes` that is not closed. `allowed`: USD that may stand alone."""
    stays = kept(run, sizes, instruments, view)
    for group, stuck in hedging_dust(view, instruments, pairs, allowed).items() if sizes else ():
        hedge = sum((size for name, size in sizes.items() if instruments[name].hedge_group == group), ZERO)
        if hedge * stuck < ZERO:
            stays.setdefault(group, -stuck if abs(stuck) < abs(hedge) else hedge)
    return stays


def kept(
    run: Flatten, sizes: Mapping[str, Decimal], instruments: Mapping[str, Instrument], view: FlattenView
) -> dict[str, Decimal]:
    """By hedge group: the net, signed, that stays as long as venues are unread.

    It is what stood when they were first found so: what the flatten then closes must lead back to it. What
    one that has answered since holds is added: the rest is what those may hedge that are still silent. Only
    that, for half of what is under way may have filled by then.
    """
    unread = list(view.unread())
    if unread != run.unread:
        answered = [venue for venue in run.unread if venue not in unread]
        if any(venue not in run.unread for venue in unread):
            run.kept = {}
        for name, size in sizes.items():
            group = instruments[name].hedge_group
            if instruments[name].venue in answered and group in run.kept:
                run.kept[group] += size
        run.unread = unread
    if not unread:
        run.kept = {}
        return {}
    nets: dict[str, Decimal] = {}
    for name, size in sizes.items():
        if instruments[name].venue in unread:
            continue
        group = instruments[name].hedge_group
        nets[group] = nets.get(group, ZERO) + size
    doubtful = _groups(unread, instruments)
    for group, net in nets.items():
        if doubtful is None or group in doubtful:
            run.kept.setdefault(group, net)
    silent = {group: net for group, net in run.kept.items() if doubtful is None or group in doubtful}
    return {group: net for group, net in silent.items() if group in nets}


def why(run: Flatten) -> str:
    """The reason of what stays."""
    return f"{', '.join(run.unread)} not read: what hedges it may be there"


def _groups(unread: list[str], instruments: Mapping[str, Instrument]) -> list[str] | None:
    """The underlyings that those venues trade; None = of one of them nothing at all is known."""
    found: list[str] = []
    for venue in unread:
        listed = [spec.hedge_group for spec in instruments.values() if spec.venue == venue and spec.is_perp]
        if not any(spec.venue == venue for spec in instruments.values()):
            return None
        found += listed
    return found
