"""The adversarial runs with a pair that changes hands once: what one leg does alone is taken back.

Fewer of them than of pairs that are held: the line, the disk and the operator are the same.
"""

from __future__ import annotations

from tests.adversary.share import SOAK, one, run

RUNS = 5_000 if SOAK else 24
BELOW = "a rest worth the venue's minimum at the mid was less at a sale's limit, and was refused for ever"
NEWER = "a spot fill newer than the venue's picture was taken out of a position that does not exist"
FOUND = {2252: BELOW, 60666: NEWER}


def test_whatever_the_line_did_nothing_was_done_alone_and_the_books_agree() -> None:
    share = run(20_000_000, RUNS, spot=True)
    assert not share.failures, "\n".join(share.failures[:20])
    assert share.both >= share.runs / 2, share.words()


def test_what_a_seed_found_of_spot_stays_mended() -> None:
    for seed, what in FOUND.items():
        _, wrong = one(seed, spot=True)
        assert wrong == "", what
