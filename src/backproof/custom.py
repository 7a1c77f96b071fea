"""What you write yourself, entered where backproof's own parts are: the one place for all decorators.

    import backproof as bp

    @bp.custom.kernel(MyGELU)
    class MyGELUKernel: ...

A file of such parts is used with `--use FILE.py`, and any part is named where it is used by `FILE.py:NAME`. See
docs/how-to/write-your-own-parts.md.
"""

from backproof.data import augmentation, dataset, file_format, generated
from backproof.engines.custom import formula, kernel, pytorch, update
from backproof.graph import initializer, operation
from backproof.metrics import metric
from backproof.models import model
from backproof.optim.optimizer import optimizer
from backproof.optim.schedules import schedule

__all__ = [
    "augmentation",
    "dataset",
    "file_format",
    "formula",
    "generated",
    "initializer",
    "kernel",
    "metric",
    "model",
    "operation",
    "optimizer",
    "pytorch",
    "schedule",
    "update",
]
