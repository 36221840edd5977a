"""``python -m colorlib COMMAND``."""

import sys

from .cli import main

sys.exit(main())
