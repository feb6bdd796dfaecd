"""`config check` against the engines that run: the file is read at a start only, so the two may differ."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from console import config
from console.client import Client
from console.oneshot import Asked
from console.places import layout_of
from console.running import lock_holder
from services.protocol.errors import ProductError

_WAIT_S = 2.0


def check(asked: Asked) -> str:
    """The verdict on the file, and for each profile whether a running engine has the same values.

    `asked.layout` is where that profile's engine lives; those of the file's other profiles are looked for in
    the user's own folders. Raises ProductError (exit 2) for the first fault of the file.
    """
    running: dict[str, Mapping[str, str] | str] = {}
    for name in config.profiles(asked.profile):
        layout = asked.layout if name == asked.profile else layout_of(name, None)
        if lock_holder(layout) is None:
            continue
        try:
            with Client.open(layout, name, patience_s=_WAIT_S) as client:
                done = client.call("settings", {})
            if done.error is not None:
                raise ProductError(done.error.text)
            running[name] = msgspec.json.decode(bytes(done.result))["parameters"]
        except ProductError as error:
            running[name] = error.text
    return config.check(running=running, profile=asked.profile)
