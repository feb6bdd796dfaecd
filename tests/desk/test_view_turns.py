"""Views that are looked at often: no look computes everything, none shows a figure from before a change."""

from __future__ import annotations

from collections.abc import Iterator

from services.desk.views.cache import AWAY_STEPS, Moment, ViewCache


class Counted:
    """Figures that say how often each was computed."""

    def __init__(self) -> None:
        self.times: dict[str, int] = {}

    def of(self, name: str) -> int:
        self.times[name] = self.times.get(name, 0) + 1
        return self.times[name]


def look(cache: ViewCache, counted: Counted, moment: Moment, names: str) -> list[int]:
    return [cache.get(name, moment, lambda name=name: counted.of(name)) for name in names]  # type: ignore[misc]


def test_without_looks_every_figure_is_of_its_moment() -> None:
    cache, counted = ViewCache(), Counted()
    for step in range(3):
        assert look(cache, counted, Moment(step, "books"), "abc") == [step + 1] * 3


def test_what_only_time_has_made_old_takes_turns_the_oldest_first() -> None:
    cache, counted = ViewCache(), Counted()
    cache.begin(0)
    assert look(cache, counted, Moment(0, "books"), "abc") == [1, 1, 1]
    seen = []
    for number in range(1, 5):
        cache.begin(number)
        seen.append(look(cache, counted, Moment(1, "books"), "abc"))
    assert seen == [[1, 1, 1], [2, 1, 1], [2, 2, 1], [2, 2, 2]]


def test_a_change_of_the_books_is_in_every_figure_of_the_very_next_look() -> None:
    cache, counted = ViewCache(), Counted()
    cache.begin(0)
    look(cache, counted, Moment(0, "books"), "abc")
    cache.begin(1)
    assert look(cache, counted, Moment(1, "a fill"), "abc") == [2, 2, 2]


def test_after_a_while_without_a_look_nothing_old_is_shown() -> None:
    cache, counted = ViewCache(), Counted()
    cache.begin(0)
    look(cache, counted, Moment(0, "books"), "ab")
    cache.begin(1)
    assert look(cache, counted, Moment(AWAY_STEPS + 1, "books"), "ab") == [2, 2]


def test_long_work_goes_on_step_by_step_and_begins_anew_when_the_books_change() -> None:
    cache = ViewCache()
    begun: list[str] = []

    def grow(step: int, books: str) -> str:
        def steps() -> Iterator[str | None]:
            begun.append(books)
            yield None
            yield None
            yield books

        return cache.grow("board", Moment(step, books), steps)

    cache.begin(0)
    assert grow(0, "one") == "one"
    shown = []
    for number, books in enumerate(["two", "two", "three", "three", "three", "three"], 1):
        cache.begin(number)
        shown.append(grow(1, books))
    assert shown == ["one", "one", "one", "one", "three", "three"]
    assert begun == ["one", "two", "three"]


def grown(cache: ViewCache, moment: Moment, done: list[str]) -> tuple[bool, str]:
    """One question whether it is there, and when it is, what a look shows."""

    def steps() -> Iterator[str | None]:
        for _ in range(3):
            done.append(f"step of {moment.step}")
            yield None
        yield f"of {moment.step}"

    ready = cache.ready("board", moment, steps)
    return ready, cache.grow("board", moment, steps) if ready else ""


def test_long_work_that_is_not_there_yet_is_asked_for_step_by_step_whatever_happens_meanwhile() -> None:
    cache, done = ViewCache(), list[str]()
    cache.begin(0)
    seen = [grown(cache, Moment(step, f"books {step}"), done) for step in range(3)]
    assert seen == [(False, "")] * 3
    assert grown(cache, Moment(3, "books 3"), done) == (True, "of 0")
    assert done == ["step of 0"] * 3, "of the moment in which it was begun"
    cache.begin(1)
    assert grown(cache, Moment(4, "books 4"), done) == (True, "of 0")
    assert done[3:] == ["step of 4"], "a look does one step of the next"


def test_long_work_from_before_it_went_out_of_sight_is_begun_anew_and_the_old_is_not_shown() -> None:
    cache, done = ViewCache(), list[str]()
    cache.begin(0)
    while not grown(cache, Moment(0, "books"), done)[0]:
        pass
    for number in (1, 2):
        cache.begin(number)
        assert grown(cache, Moment(1, "books"), done) == (True, "of 0")
    assert done[3:] == ["step of 1"]
    later = AWAY_STEPS + 2
    cache.begin(3)
    seen = [grown(cache, Moment(later, "books"), done) for _ in range(4)]
    assert seen == [*[(False, "")] * 3, (True, f"of {later}")]
    assert done[4:] == [f"step of {later}"] * 3, "the half that was done then is thrown away"


def test_of_many_figures_one_is_computed_in_a_look() -> None:
    cache, counted = ViewCache(), Counted()
    shown = []
    for number in range(3):
        cache.begin(number)
        shown.append([cache.later(name, 7, lambda name=name: counted.of(name), 0) for name in "ab"])  # type: ignore[misc]
    assert shown == [[1, 0], [1, 1], [1, 1]]


def test_each_topic_gives_its_own_figures_a_turn() -> None:
    cache, counted = ViewCache(), Counted()
    for topic in ("strip", "desk"):
        cache.begin(0, topic)
        look(cache, counted, Moment(0, "books"), "ab" if topic == "strip" else "bcd")
    for number in range(1, 8):
        for topic in ("strip", "desk"):
            cache.begin(number, topic)
            look(cache, counted, Moment(1, "books"), "ab" if topic == "strip" else "bcd")
    assert counted.times == dict.fromkeys("abcd", 2)


def test_both_kinds_of_dear_work_get_every_other_look() -> None:
    cache, counted = ViewCache(), Counted()
    cache.begin(0)
    look(cache, counted, Moment(0, "books"), "abc")
    for number in range(1, 9):
        cache.begin(number)
        look(cache, counted, Moment(number, "books"), "abc")
        for name in "uvwxyz":
            cache.later(name, number, lambda name=name: counted.of(name), 0)  # type: ignore[misc]
    dear, many = (sum(counted.times.get(name, 0) for name in names) for names in ("abc", "uvwxyz"))
    assert (dear - 3, many) == (4, 4)


def test_a_part_of_the_rows_comes_round_to_all_of_them() -> None:
    cache, rows = ViewCache(), tuple(range(20))
    assert cache.part(rows, 8) == rows
    seen: set[int] = set()
    for number in range(8):
        cache.begin(number)
        seen.update(cache.part(rows, 8))
    assert seen == set(rows)


def test_one_look_at_the_same_state_is_shared() -> None:
    cache = ViewCache()
    cache.begin("event 1")
    first = cache.shared(object)
    cache.begin("event 1")
    assert cache.shared(object) is first
    cache.begin("event 2")
    assert cache.shared(object) is not first
