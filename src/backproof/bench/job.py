"""What one contender is asked to do."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from backproof.engines.registry import ENGINES
from backproof.errors import unknown

PEERS: dict[str, str] = {
    "pytorch": "plain hand-written PyTorch: nn.Sequential, SGD, eager",
    "pytorch-fused": "the same with the fused SGD",
    "scikit-learn": "MLPClassifier, solver sgd",
}
"""Who runs beside our engines."""

CONTENDERS: dict[str, str] = {name: f"backproof's {name} engine" for name in ENGINES} | PEERS
"""Everybody that can be timed."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """Train epochs of one model with plain SGD on random samples.

    Attributes:
        contender: one of `CONTENDERS`.
        model: a registered model, and its `options`.
        input_shape: of a sample, such as (1, 28, 28).
        classes: number of classes.
        samples: samples an epoch.
        batch_size: samples a step.
        threads: threads of the linear algebra.
        learning_rate: of SGD.
        seed: of data, weights and order.
    """

    contender: str
    model: str
    options: dict[str, Any]
    input_shape: tuple[int, ...]
    classes: int
    samples: int
    batch_size: int
    threads: int
    learning_rate: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        if self.contender not in CONTENDERS:
            raise unknown("contender", self.contender, CONTENDERS)

    def to_json(self) -> str:
        """One line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Job":
        """What `to_json` wrote."""
        content = json.loads(text)
        content["input_shape"] = tuple(content["input_shape"])
        return cls(**{field.name: content[field.name] for field in fields(cls)})
