"""Events: declared once, and handed to the observers that have a method for them."""

from dataclasses import dataclass

from backproof.train.events import AnomalyFound, EpochStarted, Event, Observer, listeners, notify


@dataclass(frozen=True, slots=True)
class WeightsFrozen(Event):
    node: str


class Keep(Observer):
    def __init__(self) -> None:
        self.nodes: list[str] = []

    def weights_frozen(self, event: WeightsFrozen) -> None:
        self.nodes.append(event.node)


def test_a_new_event_is_its_class_alone() -> None:
    keep = Keep()
    notify([Observer(), keep], WeightsFrozen("fc1"))
    notify([keep], EpochStarted(1, 0))
    assert keep.nodes == ["fc1"]


def test_method_names() -> None:
    assert [event.method for event in (EpochStarted, AnomalyFound)] == ["epoch_started", "anomaly_found"]


def test_only_those_with_a_method_are_called_in_their_order() -> None:
    first, second = Keep(), Keep()
    assert listeners([first, Observer(), second], WeightsFrozen) == [first.weights_frozen, second.weights_frozen]
    assert listeners([first, second], EpochStarted) == []
