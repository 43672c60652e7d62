"""Answers that were made once, the last ones asked for kept, up to so many bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock

ROOM = 96_000_000


class Memo:
    """Bytes by what they answer."""

    def __init__(self, room: int = ROOM) -> None:
        self._room, self._bytes = room, 0
        self._held: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """What was kept under a key, or is made now.

        >>> memo = Memo()
        >>> memo.get("a", lambda: b"made"), memo.get("a", lambda: b"made again")
        (b'made', b'made')
        """
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        made = make()
        with self._lock:
            self._bytes += len(made) - len(self._held.pop(key, b""))
            self._held[key] = made
            while self._bytes > self._room and len(self._held) > 1:
                self._bytes -= len(self._held.popitem(last=False)[1])
        return made
