"""Calls that are given up when they take too long."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

Result = TypeVar("Result")
_Job = tuple[Callable[[], Any], "queue.Queue[tuple[Any, BaseException | None]]"]


class DeadlineCaller:
    """Runs calls one after the other on a thread of its own, and waits for each only so long.

    The thread is a daemon: a call that never returns does not keep the process alive. After a call has
    timed out the thread is still in it, so the caller must not be used again.
    """

    def __init__(self, name: str) -> None:
        self._jobs: queue.Queue[_Job | None] = queue.Queue()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def call(self, function: Callable[[], Result], *, seconds: float) -> Result:
        """What ``function`` returns, or raises.

        Raises:
            TimeoutError: there was no answer within ``seconds``.
            RuntimeError: the function tried to end the process (``SystemExit`` and the like).
        """
        answer: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue()
        self._jobs.put((function, answer))
        try:
            result, error = answer.get(timeout=seconds)
        except queue.Empty:
            raise TimeoutError(f"no answer within {seconds:g} s") from None
        if error is None:
            return result  # type: ignore[no-any-return]
        if isinstance(error, Exception):
            raise error
        raise RuntimeError(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Let the thread end once it has done what it was given."""
        self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            function, answer = job
            try:
                answer.put((function(), None))
            except BaseException as error:  # noqa: BLE001 - nothing is swallowed: the one who called gets it
                answer.put((None, error))
