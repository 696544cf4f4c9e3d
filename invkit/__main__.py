"""``python -m invkit``: the command line without its script."""

from __future__ import annotations

import sys

from invkit.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
