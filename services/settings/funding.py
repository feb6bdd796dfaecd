"""The parameters of the strategy kind `funding_arb` (SEMANTICS 5; defaults: PARAMETERS)."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct


def _d(text: str) -> Decimal:
    return Decimal(text)


class Funding(Struct, frozen=True, kw_only=True):
    """Strategy `funding_arb` (SEMANTICS 5)."""

    min_spread: Decimal = _d("1.0")
    """bps per 8 hours between the funding rates of the two legs: with less a pair is not entered."""
    hold_h: Decimal = _d("72")
    """Hours over which the income of an entry is projected."""
    persistence: Decimal = _d("0.5")
    """Share of the projected income that is believed."""
    min_edge_multiple: Decimal = _d("0.5")
    """Net edge must be at least this many times the costs."""
    max_break_even_h: Decimal = _d("48")
    """Hours of the present spread that pay the costs: a pair that takes longer is not entered."""
    basis_buffer_same: Decimal = _d("5")
    """bps of the edge kept back against a move of the basis: legs settled in the same coin."""
    basis_buffer_cross: Decimal = _d("10")
    """bps of the edge kept back: legs settled in different coins."""
    smooth_half_life_h: Decimal = _d("8")
    """Past settlements are averaged with this half-life; the lower of average and present counts."""
    exit_level: Decimal = _d("0.0")
    """bps/8h: below it for `exit_confirm_h` the pair is closed."""
    exit_confirm_h: Decimal = _d("24")
    """How long the spread must stay below the exit level."""
    exit_confirm_settlements: int = 3
    """At least this many settlements of the slower leg."""
    flip_exit: Decimal = _d("-5")
    """bps/8h: current spread at or below it for `flip_exit_settlements` closes the pair."""
    flip_exit_settlements: int = 2
    """So many settlements in a row at or below `flip_exit`."""
    max_hold_h: Decimal = _d("720")
    """A pair is closed after so long, whatever it earns."""
    entry_window_min_s: int = 120
    """No entry later than this before the next settlement of the leg with the larger expected receipt."""
    entry_window_max_s: int = 3600
    """No entry earlier than this before that settlement."""
    blackout_s: int = 60
    """No discretionary exit within this of a settlement."""
    cooldown_failed_min: int = 30
    """Minutes of pause after a failed attempt, doubling each time."""
    cooldown_failed_max_h: int = 24
    """The longest pause that the doubling reaches."""
    cooldown_close_h: int = 8
    """Pause of a hedge group after one of its pairs was closed."""
    max_pairs: int = 4
    """Pairs held at a time."""
    pair_stop: Decimal = _d("100")
    """bps of a leg: the loss of a pair that closes it."""
    basis_divergence: Decimal = _d("40")
    """bps: by so much the legs' prices have moved apart since the entry."""
    basis_divergence_s: int = 300
    """So long beyond `basis_divergence` before the pair is closed."""
    depeg_exit: bool = False
    """Close a pair when one of its coins reaches `depeg.reduce`; else only tell, and enter nothing."""
    delisting_exit_h: Decimal = _d("2")
    """Hours before a delisting at which the exit begins, so that it is done an hour before."""
    persistence_sample: int = 90
    """Realised settlements before a pair is suggested."""
    freeze_alert_s: int = 60
    """A pair frozen by stale data for so long is a warning."""
    freeze_page_min: int = 15
    """A pair frozen for so long is an alarm."""
