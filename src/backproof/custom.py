"""What you write yourself, entered where backproof's own parts are: the one place for all decorators.

    import backproof as bp

    @bp.custom.kernel(MyGELU)
    class MyGELUKernel: ...

A file of such parts is used with `--use FILE.py`, and any part is named where it is used by `FILE.py:NAME`. See
docs/how-to/write-your-own-parts.md.
"""

from backproof.engines.custom import kernel, pytorch, update
from backproof.graph import initializer, operation
from backproof.models import model
from backproof.optim.optimizer import optimizer

__all__ = ["initializer", "kernel", "model", "operation", "optimizer", "pytorch", "update"]
