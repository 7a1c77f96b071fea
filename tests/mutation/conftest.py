"""These tests import their own modules as `mutation.session` and the like."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))
