"""Alerts of pairs and of the orders on their legs."""

from __future__ import annotations

from services.alerts.rule import ALARM, WARNING, Rule

PAIRS: dict[str, Rule] = {
    "leg missing": Rule(
        ALARM,
        "One leg of a pair is gone or smaller at the venue: the other is unhedged and is cut to match.",
        "watch the unwinding; find out who closed the leg (ADL, liquidation, by hand)",
    ),
    "naked": Rule(
        ALARM,
        "A pair is unhedged for longer than its time-out.",
        "watch the hedge; F closes it if it does not fill",
    ),
    "order rests": Rule(
        WARNING,
        "The venue keeps an order working that was to end or was canceled: it stays ours and is asked to go.",
        "see whether the venue takes the cancel; else cancel it at the venue's own site",
    ),
    "in doubt": Rule(
        ALARM,
        "A pair waits for an order: its outcome is not known, and nothing is sent on a guess, or it does not "
        "fill. The text says which.",
        "3 shows it; a doubt ends when the venue answers (see its own site); F closes what does not fill",
    ),
    "stuck": Rule(
        ALARM,
        "A leg does not fill on its way out, or an excess is less than its venue takes. The text says which.",
        "do what the text says; else look at the book and the orders on 3, and F closes it in wider bands",
    ),
    "exit dropped": Rule(
        WARNING,
        "A halt ended a close that was under way: what is left of the pair stands, both legs matched.",
        "F closes it in HALTED; or R, then pair close again",
    ),
    "frozen": Rule(
        WARNING,
        "A pair is frozen: data of one venue are stale, and one leg is never closed alone.",
        "nothing while both legs stand; after 15 min check the venue",
    ),
    "pair ended": Rule(
        WARNING,
        "A pair was closed to protect it, not because its trade was over. Nothing of it is open any more.",
        "5 has what it cost, 7 what led there; a takes note of it, and it is gone",
        over=True,
    ),
}
