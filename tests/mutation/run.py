"""`make mutants`: does a test notice each small change of the rooms that guard the money?

The tests of the neighbouring rooms are collected once, run once with the lines noted that each touches, and
then for every mutant a fork of that process runs the tests that touch its line, the quickest first, until one
fails. Hypothesis runs derandomised, with few examples and without shrinking. No source file is written.

    python -m tests.mutation.run MODULE ... [--tests PATH ...] [--out FILE] [--only WORDS] [--limit SECONDS]

Every mutant gives one line of JSON in FILE; a mutant that stands there already is not run again. Survivors
that `docs/mutants.md` names are explained; the exit status is 1 while others are left.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.mutation.operators import Mutant, mutants_of
from tests.mutation.swap import NotSwappable, install

ROOT = Path(__file__).resolve().parents[2]
EXPLAINED = ROOT / "docs" / "mutants.md"
EXAMPLES = 25
MEMORY = 3 * 2**30
KILLED, SURVIVED, UNTESTED, UNSWAPPABLE, TIMEOUT = "killed", "survived", "untested", "not swapped", "timeout"

DEFAULT_TESTS = ("tests/risk", "tests/portfolio", "tests/execution")


def sources(paths: list[str]) -> list[str]:
    """Python files below the given paths, relative to the house."""
    found: list[str] = []
    for path in paths:
        full = ROOT / path
        files = sorted(full.rglob("*.py")) if full.is_dir() else [full]
        found += [str(file.relative_to(ROOT)) for file in files if file.name != "__init__.py"]
    return found


@dataclass
class Touched:
    """Which lines of the mutated files a test ran, and how long it took."""

    lines: dict[str, set[int]] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(eq=False)
class Plugin:
    files: list[str]
    out: Path
    only: str
    limit_s: float
    skip: Callable[[str], bool]
    touched: dict[str, Touched] = field(default_factory=dict)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        items = [item for item in session.items if not item.get_closest_marker("bench")]
        for item in items:
            _few_examples(item)
        self._map(items)
        by_id = {item.nodeid: item for item in items}
        done = set(results(self.out))
        for path in self.files:
            for mutant in mutants_of(path, (ROOT / path).read_text(encoding="utf-8")):
                if mutant.name in done or self.skip(mutant.name) or self.only not in mutant.name:
                    continue
                row = self._try(mutant, by_id)
                with self.out.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
        return True

    # -- once: what each test touches ----------------------------------------------------------------------

    def _map(self, items: list[pytest.Item]) -> None:
        names = {str(ROOT / path): path for path in self.files}
        for item in items:
            seen = Touched()
            tracer = _tracer(names, seen.lines)
            start = time.perf_counter()
            sys.settrace(tracer)
            try:
                reports = runtestprotocol(item, nextitem=None, log=False)
            finally:
                sys.settrace(None)
            seen.seconds = time.perf_counter() - start
            if any(report.failed for report in reports):
                print(f"fails without any mutant, left out: {item.nodeid}", file=sys.stderr)
                continue
            self.touched[item.nodeid] = seen
        print(f"{len(self.touched)} tests mapped", file=sys.stderr)

    def _covering(self, mutant: Mutant) -> list[str]:
        end = mutant.line
        names = [
            (seen.seconds, name)
            for name, seen in self.touched.items()
            if (mutant.function == "MODULE" and seen.lines.get(mutant.path))
            or end in seen.lines.get(mutant.path, ())
        ]
        return [name for _, name in sorted(names)]

    # -- for each mutant: a fork ---------------------------------------------------------------------------

    def _try(self, mutant: Mutant, items: dict[str, pytest.Item]) -> dict[str, Any]:
        start = time.perf_counter()
        row: dict[str, Any] = {"mutant": mutant.name, "line": mutant.line}
        names = self._covering(mutant)
        if not names:
            return {**row, "fate": UNTESTED}
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read)
            _child(mutant, [(items[name], self.touched[name].seconds) for name in names], self.limit_s, write)
        os.close(write)
        with os.fdopen(read, encoding="utf-8") as pipe:
            said = pipe.read()
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            fate, by = (TIMEOUT if os.WTERMSIG(status) == signal.SIGALRM else KILLED), "ended by a signal"
        else:
            fate, _, by = said.partition("\n")
        row |= {"fate": fate or KILLED, "by": by, "tests": len(names)}
        return {**row, "s": round(time.perf_counter() - start, 2)}


def _child(mutant: Mutant, items: list[tuple[pytest.Item, float]], limit_s: float, pipe: int) -> None:
    """Runs in the fork and never returns. A test that takes far longer than before hangs: it is noticed.

    After `limit_s` the slower tests are not begun any more: the mutant has survived those before.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    fate, by = SURVIVED, ""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    try:
        install(mutant)
        end = time.monotonic() + limit_s
        for item, seconds in items:
            if time.monotonic() >= end:
                break
            signal.setitimer(signal.ITIMER_REAL, 10 + 20 * seconds)
            if any(report.failed for report in runtestprotocol(item, nextitem=None, log=False)):
                fate, by = KILLED, item.nodeid
                break
    except NotSwappable:
        fate = UNSWAPPABLE
    except BaseException as error:
        fate, by = KILLED, type(error).__name__
    os.write(pipe, f"{fate}\n{by}".encode())
    os._exit(0)


def _few_examples(item: pytest.Item) -> None:
    import hypothesis  # after pytest has made ready to rewrite its plugins

    test = getattr(item, "obj", None)
    inner = getattr(test, "hypothesis", None)
    if test is None or inner is None:
        return
    used = getattr(test, "_hypothesis_internal_use_settings", None) or hypothesis.settings()
    test._hypothesis_internal_use_settings = hypothesis.settings(
        used,
        max_examples=min(EXAMPLES, used.max_examples),
        phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
        deadline=None,
        derandomize=True,
        database=None,
    )


def _tracer(names: dict[str, str], lines: dict[str, set[int]]) -> Callable[[FrameType, str, Any], Any]:
    def local(frame: FrameType, event: str, arg: Any) -> Any:
        if event == "line":
            lines[names[frame.f_code.co_filename]].add(frame.f_lineno)
        return local

    def enter(frame: FrameType, event: str, arg: Any) -> Any:
        path = names.get(frame.f_code.co_filename)
        if path is None:
            return None
        lines.setdefault(path, set()).add(frame.f_lineno)
        return local

    return enter


# -- results -------------------------------------------------------------------------------------------------


def results(out: Path) -> dict[str, dict[str, Any]]:
    if not out.exists():
        return {}
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines() if line]
    return {row["mutant"]: row for row in rows}


def explained() -> frozenset[str]:
    """Mutant names that stand in backquotes at the beginning of a list item of docs/mutants.md."""
    if not EXPLAINED.exists():
        return frozenset()
    return frozenset(_items(EXPLAINED.read_text(encoding="utf-8")))


def _items(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.startswith("- `") and "` " in line + " ":
            yield line[3:].rsplit("`", 1)[0]


def report(out: Path, files: list[str], after: Path | None = None) -> int:
    """Prints the figures; the number of survivors that nobody has explained."""
    names = {m.name for path in files for m in mutants_of(path, (ROOT / path).read_text(encoding="utf-8"))}
    earlier = results(after) if after is not None else {}
    rows = {name: row for name, row in (earlier | results(out)).items() if name in names}
    known = explained()
    counts: dict[str, int] = {}
    for row in rows.values():
        counts[row["fate"]] = counts.get(row["fate"], 0) + 1
    left = [n for n, row in rows.items() if row["fate"] in (SURVIVED, UNTESTED) and n not in known]
    for name in left:
        print(f"{rows[name]['fate']}: {name} (line {rows[name]['line']})")
    print(f"{len(names)} mutants, {len(rows)} tried: {counts}; {len(left)} survive unexplained")
    return len(left)


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.mutation.run")
    parser.add_argument("modules", nargs="+")
    parser.add_argument("--tests", nargs="*", default=list(DEFAULT_TESTS))
    parser.add_argument("--out", type=Path, default=ROOT / ".mutants.jsonl")
    parser.add_argument("--only", default="", help="mutants whose name holds this")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds of tests for a mutant")
    parser.add_argument(
        "--after", type=Path, help="results of an earlier run: what was killed there is killed"
    )
    parser.add_argument("--report", action="store_true", help="print the figures, run nothing")
    args = parser.parse_args()
    files = sources(args.modules)
    if not args.report:
        before = results(args.after) if args.after is not None else {}
        killed = {name for name, row in before.items() if row["fate"] in (KILLED, TIMEOUT)}
        plugin = Plugin(files, args.out, args.only, args.limit, killed.__contains__)
        os.environ.pop("STABLECONSOLE_SOAK", None)
        pytest.main(["-q", "-p", "no:randomly", "-p", "no:xdist", *args.tests], plugins=[plugin])
    return 1 if report(args.out, files, args.after) else 0


if __name__ == "__main__":
    sys.exit(main())
