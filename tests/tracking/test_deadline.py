from __future__ import annotations

import sys
import threading
import time

import pytest

from holdfast.tracking.deadline import DeadlineCaller


def test_results_and_exceptions_come_back() -> None:
    caller = DeadlineCaller("test")
    assert caller.call(lambda: 6 * 7, seconds=5) == 42
    with pytest.raises(ZeroDivisionError):
        caller.call(lambda: 1 / 0, seconds=5)
    assert caller.call(lambda: threading.current_thread().name, seconds=5) == "test"
    caller.close()


def test_an_attempt_to_end_the_process_is_only_an_error() -> None:
    caller = DeadlineCaller("test")
    with pytest.raises(RuntimeError, match="SystemExit: 3"):
        caller.call(lambda: sys.exit(3), seconds=5)
    caller.close()


def test_a_call_that_hangs_is_given_up() -> None:
    release = threading.Event()
    caller = DeadlineCaller("test")
    begun = time.monotonic()
    with pytest.raises(TimeoutError, match=r"no answer within 0\.05 s"):
        caller.call(lambda: release.wait(30), seconds=0.05)
    assert time.monotonic() - begun < 5
    release.set()
    caller.close()


def test_closing_ends_the_thread() -> None:
    caller = DeadlineCaller("soon over")
    caller.call(lambda: None, seconds=5)
    caller.close()
    for thread in threading.enumerate():
        if thread.name == "soon over":
            thread.join(5)
            assert not thread.is_alive()
