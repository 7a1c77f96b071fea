"""Reading ahead: a thread makes the next few things while the last ones are worked on."""

from collections.abc import Iterable, Iterator
from queue import Empty, Full, Queue
from threading import Event, Thread
from typing import TypeVar

Item = TypeVar("Item")

LOOK = 0.1
"""Seconds after which the thread looks whether anybody still wants what it makes."""


def ahead(items: Iterable[Item], most: int) -> Iterator[Item]:
    """The same items in the same order, made by a thread of its own; at most `most` wait for whoever takes them.

    What `items` raises is raised here, after the items before it. The thread ends when the iterator is closed.
    """
    queue: Queue[tuple[bool, Item | BaseException | None]] = Queue(most)
    stop = Event()

    def put(more: bool, item: Item | BaseException | None) -> None:
        while not stop.is_set():
            try:
                queue.put((more, item), timeout=LOOK)
                break
            except Full:
                continue

    def work() -> None:
        try:
            for item in items:
                put(True, item)
                if stop.is_set():
                    return
            put(False, None)
        except BaseException as error:  # it belongs to whoever takes the items
            put(False, error)

    thread = Thread(target=work, name="backproof-reader", daemon=True)
    thread.start()
    try:
        while True:
            try:
                more, item = queue.get(timeout=LOOK)  # not for ever: Ctrl-C is noticed between two looks
            except Empty:
                continue
            if more:
                yield item  # type: ignore[misc]  # what stands beside True is an item
            elif isinstance(item, BaseException):
                raise item
            else:
                return
    finally:
        stop.set()
        thread.join()
