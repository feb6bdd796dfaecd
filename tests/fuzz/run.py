"""`make fuzz`: every target under a coverage-guided fuzzer (atheris) for a while, one process each.

`python -m tests.fuzz.run [--seconds N] [TARGET …]`; status 1 when one of them let something escape, with the
bytes that did it. The same targets run without coverage in the ordinary tests (`test_fuzz.py`).
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

MOST_BYTES = 4_096


def main() -> int:
    asked = argparse.ArgumentParser()
    asked.add_argument("--seconds", type=int, default=60)
    asked.add_argument("--one", default="", help="run this one here, by the fuzzer's own words")
    asked.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()))
    asked.add_argument("targets", nargs="*")
    args = asked.parse_args()
    if args.one:
        return fuzz(args.one, args.seconds, args.out)
    if importlib.util.find_spec("atheris") is None:
        sys.stdout.write("atheris is not here: the hypothesis tests of tests/fuzz are what there is\n")
        return 0
    from tests.fuzz.targets import TARGETS

    failed = []
    for name in args.targets or TARGETS:
        words = ["--one", name, "--seconds", str(args.seconds), "--out", str(args.out)]
        if subprocess.run([sys.executable, "-m", "tests.fuzz.run", *words], check=False).returncode:
            failed.append(name)
    sys.stdout.write(f"fuzz: {', '.join(failed) or 'nothing'} let something escape\n")
    return 1 if failed else 0


def fuzz(name: str, seconds: int, out: Path) -> int:
    """Does not return: the fuzzer ends the process."""
    atheris = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["services"]):
        from tests.fuzz.targets import TARGETS
    run, seeds = TARGETS[name]
    with tempfile.TemporaryDirectory() as folder:
        for at, seed in enumerate(seeds):
            (Path(folder) / str(at)).write_bytes(seed)
        words = [f"-max_total_time={seconds}", f"-max_len={MOST_BYTES}", f"-artifact_prefix={out}/{name}-"]
        atheris.Setup([name, *words, "-print_final_stats=1", folder], run)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
