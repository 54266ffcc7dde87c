"""A serial line's speed in both directions: when a byte has arrived, and which have left.

Frames and their meaning are not known here.
"""

from __future__ import annotations

from collections import deque


class Receiver:
    """Bytes on their way to the device, one after the other.

    Args:
        byte_ns: Line time of a byte.
    """

    def __init__(self, byte_ns: int) -> None:
        self._byte_ns = byte_ns
        self._free_ns = 0

    def arrivals(self, now_ns: int, data: bytes) -> list[int]:
        """Return when each byte written now will have arrived completely."""
        begin_ns = max(now_ns, self._free_ns)
        self._free_ns = begin_ns + len(data) * self._byte_ns
        return [begin_ns + count * self._byte_ns for count in range(1, len(data) + 1)]


class Transmitter:
    """Frames on their way to the host, first in, first out.

    Args:
        byte_ns: Line time of a byte.
    """

    def __init__(self, byte_ns: int) -> None:
        self._byte_ns = byte_ns
        self._free_ns = 0
        self._queue: deque[tuple[int, bytes]] = deque()
        self._taken_of_first = 0

    def send(self, now_ns: int, frame: bytes) -> None:
        """Put a frame on the line behind those that are still leaving."""
        begin_ns = max(now_ns, self._free_ns)
        self._free_ns = begin_ns + len(frame) * self._byte_ns
        self._queue.append((begin_ns, frame))

    def stall(self, now_ns: int, stall_ns: int) -> None:
        """Keep the line silent for a while before the next frame."""
        self._free_ns = max(now_ns, self._free_ns) + stall_ns

    def cut(self, now_ns: int) -> None:
        """Forget what has not left yet; a frame that was leaving stays unfinished."""
        left = self.take(now_ns)
        self._queue.clear()
        self._taken_of_first = 0
        self._free_ns = now_ns
        if left:
            self._queue.append((now_ns - len(left) * self._byte_ns, left))

    def next_due_ns(self) -> int | None:
        """Return when the first frame has left completely, None if the line is idle."""
        if not self._queue:
            return None
        begin_ns, frame = self._queue[0]
        return begin_ns + len(frame) * self._byte_ns

    def take(self, now_ns: int) -> bytes:
        """Return the bytes that have left completely and were not taken yet."""
        queue = self._queue
        if not queue or queue[0][0] >= now_ns:
            return b""
        taken = b""
        while queue:
            begin_ns, frame = queue[0]
            count = min(len(frame), max(0, (now_ns - begin_ns) // self._byte_ns))
            taken += frame[self._taken_of_first : count]
            if count < len(frame):
                self._taken_of_first = max(self._taken_of_first, count)
                break
            queue.popleft()
            self._taken_of_first = 0
        return taken
