"""`python -m msd …` is the command `msd`."""

import sys

from msd.cli import main

sys.exit(main())
