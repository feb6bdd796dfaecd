"""The program's entry: a bare start or `attach` goes straight to the screen, the rest to the command library.

Everything heavy is imported late: a bare start must not pay for the command library, `--help` must not pay
for the screen library, and a one-shot command for neither. No traceback reaches a person but for `--debug`.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from services.protocol.errors import ProductError, UsageError
from services.protocol.exits import Exit
from services.protocol.version import VERSION, VERSION_JSON

RUN_SWITCHES = ("--no-ui", "--json")
ATTACH_SWITCHES = ("--read-only",)
ROOT_FLAGS = ("--help", "-h", "--install-completion", "--show-completion")


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status of one invocation (CONSOLE)."""
    words = list(sys.argv[1:] if argv is None else argv)
    with contextlib.suppress(AttributeError, ValueError):
        # A terminal that cannot show a sign gets a question mark, not a failure.
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    debug = "--debug" in words
    if debug:
        sys.excepthook = _trace
    return guarded(lambda: _dispatch(words), debug=debug)


def _trace(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Where it happened, without a secret in it."""
    import traceback

    from services.protocol.redact import clean

    sys.stderr.write(clean("".join(traceback.format_exception(kind, error, trace))))


def guarded(work: Callable[[], int], *, debug: bool) -> int:
    """Turns whatever goes wrong into one line on stderr and an exit status."""
    try:
        return work()
    except (ProductError, UsageError) as error:
        if debug:
            raise
        return _complain(error.text, error.exit)
    except KeyboardInterrupt:
        return _complain("interrupted", Exit.INTERRUPTED)
    except BrokenPipeError:
        # The reader (head, less) has gone: nothing left to say, and nothing more may be flushed.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILED
    except Exception as error:
        if debug:
            raise
        text = str(error).splitlines()[0] if str(error) else ""
        return _complain(
            f"internal error: {type(error).__name__}: {text} (--debug shows where)".replace(": (", " ("),
            Exit.FAILED,
        )


def _dispatch(words: list[str]) -> int:
    _warn_when_shadowed()
    if words in (["--version"], ["version"]):
        sys.stdout.write(f"stableconsole {VERSION}\n")
        return Exit.DONE
    if words == ["version", "--json"]:
        sys.stdout.write(f"{VERSION_JSON}\n")
        return Exit.DONE
    if not words or (words[0].startswith("-") and words[0] not in ROOT_FLAGS):
        words = ["run", *words]
    if words[0] in ("run", "attach"):
        done = _quick(words[0], words[1:])
        if done is not None:
            return done
    from console import shell

    return shell.run(words)


def _quick(name: str, words: list[str]) -> int | None:
    """A plain `run` or `attach` without the command library; None = it has to say what is wrong."""
    from services.protocol import flags

    parsed = flags.quick_parse(words, RUN_SWITCHES if name == "run" else ATTACH_SWITCHES)
    if parsed is None:
        return None
    given, switches = parsed
    if "--json" in switches and "--no-ui" not in switches:
        return None
    if name == "attach" and not given.keys() <= {"profile", "state_dir", "debug"}:
        return None
    from console import start

    return start.begin(
        given, no_ui="--no-ui" in switches, attach=name == "attach", read_only="--read-only" in switches
    )


def _complain(text: str, status: Exit) -> int:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
    from services.protocol.redact import clean

    with contextlib.suppress(OSError, AttributeError):
        sys.stderr.write(f"stableconsole: {clean(text)}\n")
    return int(status)


def _warn_when_shadowed() -> None:
    """Our four plain names may be overlaid by another distribution or folder: they must lie side by side."""
    import screens
    import services
    import themes

    homes = {Path(str(module.__file__)).parent.parent for module in (screens, services, themes)}
    if homes != {Path(__file__).parent.parent}:
        places = ", ".join(sorted(str(home) for home in homes | {Path(__file__).parent.parent}))
        sys.stderr.write(
            f"stableconsole: warning: console, screens, services and themes come from several places "
            f"({places}); install stableconsole in an environment of its own\n"
        )
