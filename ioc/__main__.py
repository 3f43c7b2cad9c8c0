"""`python -m ioc` is the same as `ioc`."""

from __future__ import annotations

import sys

from ioc.cli import main

sys.exit(main())
