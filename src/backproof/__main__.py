"""`python -m backproof`: the command line."""

import sys

from backproof.cli import main

sys.exit(main())
