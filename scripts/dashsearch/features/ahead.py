"""Reading ahead: the next items are made in a thread of their own while the last are worked on."""

import queue
import threading
from collections.abc import Iterator
from typing import TypeVar

Item = TypeVar("Item")
POLL_S = 0.1


class _End:
    """What the reader leaves behind the last item: the error that stopped it, or None."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def read_ahead(items: Iterator[Item], depth: int) -> Iterator[Item]:
    """Iterate over `items`, of which a thread makes up to `depth` in advance.

    HDF5 reads, decompression and copies to a device let other threads run, so the disk and the
    processor that computes do not wait for each other. An error is raised where the item that
    caused it would have come; a caller that stops early stops the thread.
    """
    ready: queue.Queue[Item | _End] = queue.Queue(maxsize=depth)
    stop = threading.Event()

    def put(item: Item | _End) -> bool:
        while not stop.is_set():
            try:
                ready.put(item, timeout=POLL_S)
                return True
            except queue.Full:
                continue
        return False

    def read() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                if not put(item):
                    return
        except BaseException as caught:
            error = caught
        put(_End(error))

    reader = threading.Thread(target=read, name="reads ahead", daemon=True)
    reader.start()
    try:
        while not isinstance(item := ready.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stop.set()
        reader.join()
