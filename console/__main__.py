"""`python -P -m console`: how an engine is spawned. People type `stableconsole`."""

from __future__ import annotations

import sys

from console.cli import main

if __name__ == "__main__":
    sys.exit(main())
