"""The product's version, known without reading package metadata (that costs milliseconds at start).

`tests/house` holds it equal to pyproject's.
"""

from __future__ import annotations

VERSION = "0.1.0"

PROTOCOL = 1
"""Version of the control socket's frames. `KEPT_COMMANDS` keep protocol 1 for ever."""

VERSION_JSON = f'{{"version":"{VERSION}","protocol":{PROTOCOL}}}'
"""What `version --json` prints, without anything that knows JSON."""
