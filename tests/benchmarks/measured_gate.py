"""``parity`` in this process, as a benchmark sees it: the seconds in which at least one network ran go to stderr as the last line."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from parity.backends.base import CheckedSession
from parity.cli import end, main

run = CheckedSession.run


@dataclass(slots=True)
class Inside:
    """How many networks run now, since when at least one does, and the seconds before that."""

    running: int = 0
    since: float = 0.0
    seconds: float = 0.0
    lock: Lock = field(default_factory=Lock)

    def __enter__(self) -> None:
        """One more runs."""
        with self.lock:
            self.since = self.since if self.running else time.perf_counter()
            self.running += 1

    def __exit__(self, *failure: object) -> None:
        """One fewer runs."""
        with self.lock:
            self.running -= 1
            self.seconds += 0.0 if self.running else time.perf_counter() - self.since


inside = Inside()


def timed(self: CheckedSession, tensor: Any) -> Any:
    """Run the network while the clock runs."""
    with inside:
        return run(self, tensor)


if __name__ == "__main__":
    CheckedSession.run = timed  # type: ignore[method-assign]
    code = main(sys.argv[1:])
    sys.stderr.write("\n" + json.dumps({"inside_s": inside.seconds}) + "\n")
    end(code)
