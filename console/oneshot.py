"""One-shot commands: ask the running engine, print its answer as text or JSON, give its exit status."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct, structs

from console import plain, plain_reconcile
from console.client import Client
from console.running import last_profile, lock_holder, other_profile
from services.protocol.errors import ProductError, UsageError
from services.protocol.exits import Exit, as_exit
from services.protocol.frames import Done, ErrorBody
from services.protocol.options import DEFAULT_PROFILE
from services.settings.layout import StateLayout

DIRECT_WAIT_S = 2.0
"""How long `flatten --direct` waits for a sign of life before it goes on without the engine."""


class Asked(Struct, frozen=True, kw_only=True):
    """What every command is given beside its own arguments."""

    profile: str
    layout: StateLayout
    json: bool = False


_SHOW: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "status": plain.status,
    "positions": plain.positions,
    "orders": plain.orders,
    "pairs": plain.pairs,
    "alerts": plain.alerts,
    "flatten": plain.flatten,
    "reconcile": plain_reconcile.reconcile,
    "reconcile accept": plain_reconcile.reconcile,
}


def ask(asked: Asked, name: str, args: Mapping[str, str]) -> int:
    """Sends one command and prints its answer; progress lines go to stderr. Returns the exit status."""
    with Client.open(asked.layout, asked.profile) as client:
        done = client.call(name, args, progress=_progress)
    return show(asked, name, done)


def show(asked: Asked, name: str, done: Done) -> int:
    """The answer on stdout, its error (one line) on stderr."""
    raw = bytes(done.result)
    answer = msgspec.json.decode(raw)
    if asked.json and answer is not None and (answer or done.ok):  # a refusal is its line
        print_line(raw.decode())
    elif isinstance(answer, Mapping) and answer:
        print_line(_SHOW[name](answer) if name in _SHOW else plain.safety(name, answer))
    elif done.ok:
        print_line(f"{name}: done")
    if done.error is not None:
        raise ProductError(done.error.text, as_exit(done.error.exit), done.error.code)
    if name == "flatten" and isinstance(answer, Mapping) and not answer.get("flat"):
        return Exit.LEFT_OPEN
    return Exit.DONE


def reconcile(asked: Asked, *, accept: bool) -> int:
    """A fresh read of every venue and its lines. `accept` then adopts exactly those lines, by their ids."""
    with Client.open(asked.layout, asked.profile) as client:
        done = client.call("reconcile", {}, progress=_progress)
        answer = msgspec.json.decode(bytes(done.result))
        waiting = plain_reconcile.waiting(answer) if isinstance(answer, Mapping) else []
        if not accept or not waiting:
            return show(asked, "reconcile", done)
        if not asked.json:
            print_line(plain_reconcile.reconcile(answer))
        done = client.call("reconcile accept", {"ids": " ".join(waiting)}, progress=_progress)
    return show(asked, "reconcile accept", done)


def why(asked: Asked, order: str) -> int:
    """The reason chain of an order, from the store; no engine is asked."""
    from console import headless, plain_why

    text = headless.why(asked.layout, order)
    print_line(text if asked.json else plain_why.why(msgspec.json.decode(text)))
    return Exit.DONE


def flatten(asked: Asked, what: str, *, yes: bool) -> int:
    """Asks unless `--yes`; without a terminal `--yes` is required."""
    confirm_flatten(what, yes=yes)
    return ask(asked, "flatten", {"what": what} if what else {})


def flatten_direct(asked: Asked, what: str, *, yes: bool) -> int:
    """`--direct`: through the engine while it answers within 2 s; else it is ended and the venues asked."""
    from console import headless

    asked = _of_its_engine(asked)
    confirm_flatten(what, yes=yes)
    if lock_holder(asked.layout) is not None:
        try:
            with Client.open(asked.layout, asked.profile, patience_s=DIRECT_WAIT_S) as client:
                done = client.call("flatten", {"what": what} if what else {}, progress=_progress)
        except ProductError as error:
            # Whatever kept it from answering; a wrong path and somebody else's engine stay wrong.
            if error.exit is Exit.USAGE or error.code == "user":
                raise
            _progress(error.text)
            if not yes:
                _progress("the engine will be ended, then the venues are asked directly")
        else:
            if done.error is None or done.error.code != "stopping":
                return show(asked, "flatten", done)
            _progress(done.error.text)  # it has ended in the middle
    word = headless.flatten_direct(asked.layout, asked.profile, what, _progress)
    fault = None if word.ok else ErrorBody(code=word.code, text=word.text, exit=word.exit)
    result = msgspec.Raw(word.result.encode())
    return show(asked, "flatten", Done(id=word.command, ok=word.ok, result=result, error=fault))


def _of_its_engine(asked: Asked) -> Asked:
    """Of the profile whose engine holds the folder, or held it last.

    Another one's settings name other venues: the engine would be ended and everything stay open. The lock's
    text tells; no store is asked.
    """
    if asked.profile == DEFAULT_PROFILE:
        return structs.replace(asked, profile=last_profile(asked.layout) or asked.profile)
    holder = lock_holder(asked.layout)
    if holder is not None and holder.profile not in ("", asked.profile):
        raise other_profile(
            f"the engine of this folder (PID {holder.pid}) runs", holder.profile, asked.profile
        )
    return asked


def confirm_flatten(what: str, *, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("flatten asks before it closes anything; without a terminal give --yes")
    subject = what or "EVERYTHING"
    sys.stderr.write(f"This closes {subject} at market-near prices. Type flatten to go on: ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() != "flatten":
        raise ProductError("not confirmed: nothing was sent", Exit.FAILED, "not_confirmed")


def print_line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def tell(text: str) -> None:
    """Words for a person, beside what is printed."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _progress(text: str) -> None:
    sys.stderr.write(f"… {text}\n")
    sys.stderr.flush()
