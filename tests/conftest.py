"""Guards for every test: nothing outlives it, nothing reaches this user's own files.

Also what makes the suite fast: files in memory, and a collector that leaves the suite itself alone.
"""

from __future__ import annotations

import gc
import os
import shutil
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "suite", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)  # shared machines are noisy: a slow example is no failure; other examples come with every run
settings.load_profile("suite")

THREADS_END_WITHIN_S = 2.0

IN_MEMORY = Path("/dev/shm")
FREE_BYTES = 6 * 2**30
"""The files of a whole run, with room to spare; less is free in a container by default."""


def pytest_configure(config: pytest.Config) -> None:
    """Keep the tests' files in memory if there is room: most of their time is waits for a disk.

    A kill leaves memory and disk alike, and what a disk does wrong is injected into system calls.
    """
    if (
        config.option.basetemp is None
        and "PYTEST_DEBUG_TEMPROOT" not in os.environ
        and os.access(IN_MEMORY, os.W_OK)
        and shutil.disk_usage(IN_MEMORY).free > FREE_BYTES
    ):
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(IN_MEMORY)  # the controller tells its workers


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Thousands of collected tests are no garbage: looking among them for some takes seconds."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True)
def own_state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Heads of audit chains and keys go into folders of the test, never to this user's."""
    folder = tmp_path_factory.mktemp("state")
    with pytest.MonkeyPatch.context() as patch:  # its own: a test's undo must not reach it
        patch.setenv("TMS_CONSOLE_STATE", str(folder))
        patch.setenv("TMS_CONSOLE_CONFIG", str(tmp_path_factory.mktemp("config")))
        patch.delenv("TMS_CONSOLE_DATABASE_KEY", raising=False)
        patch.delenv("TMS_CONSOLE_DATABASE_KEY_FILE", raising=False)
        yield folder


@pytest.fixture(autouse=True)
def no_thread_outlives_a_test() -> Iterator[None]:
    """A thread that a test leaves alive fails that test, not a later one."""
    before = set(threading.enumerate())
    yield
    deadline_s = time.monotonic() + THREADS_END_WITHIN_S
    while left := [one for one in threading.enumerate() if one not in before and one.is_alive()]:
        if time.monotonic() > deadline_s:
            pytest.fail(f"threads outlive the test: {[one.name for one in left]}")
        left[0].join(0.05)
