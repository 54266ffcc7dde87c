"""Orders from outside: nothing is lost, an end comes first, and Stop waits for nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tms_console.delivery.controls import Controls, GoOn, Order, Remark
from tms_console.delivery.states import (
    Faulted,
    HostLost,
    IntensityPressed,
    PausePressed,
    StopPressed,
)
from tms_console.records.operations import EventKind


def test_orders_are_taken_once_and_in_the_order_in_which_they_came() -> None:
    controls = Controls()
    controls.pause("a cough")
    controls.resume()
    controls.set_intensity(55, 1)
    controls.remark(EventKind.NOTE, "moved", "technician")
    assert controls.take() == [
        PausePressed("a cough"),
        GoOn(),
        IntensityPressed(55, 1),
        Remark(EventKind.NOTE, "moved", "technician"),
    ]
    assert controls.take() == []
    assert not controls.halted
    assert not controls.stop_requested()


@pytest.mark.parametrize(
    ("halt", "order"),
    [
        (lambda controls: controls.stop("enough"), StopPressed("enough")),
        (lambda controls: controls.lose_host("gone"), HostLost("gone")),
        (lambda controls: controls.fail("full"), Faulted("full")),
    ],
)
def test_whatever_ends_a_session_comes_before_everything_that_waits(
    halt: Callable[[Controls], None], order: Order
) -> None:
    controls = Controls()
    controls.set_intensity(55, 1)
    halt(controls)
    assert controls.halted
    assert controls.stop_requested()
    assert controls.take() == [order, IntensityPressed(55, 1)]
    assert controls.stop_requested(), "taking an order does not answer the driver"


def test_of_several_ends_the_first_comes_first() -> None:
    """The first reason is why the session ended; the window's going away only followed it."""
    controls = Controls()
    controls.pause("a cough")
    controls.stop("enough")
    controls.lose_host("gone")
    controls.fail("full")
    assert controls.take() == [
        StopPressed("enough"),
        PausePressed("a cough"),
        HostLost("gone"),
        Faulted("full"),
    ]


def test_once_the_end_has_begun_the_driver_is_left_in_peace_to_disarm() -> None:
    """`disarm` itself must not be interrupted by the stop that caused it."""
    controls = Controls()
    controls.stop("enough")
    controls.acknowledge()
    assert controls.halted
    assert not controls.stop_requested()


def test_no_order_is_lost_between_threads() -> None:
    controls = Controls()

    def press() -> None:
        for intensity in range(200):
            controls.set_intensity(intensity, 1)

    threads = [threading.Thread(target=press) for _ in range(4)]
    for thread in threads:
        thread.start()
    taken: list[Order] = []
    while any(thread.is_alive() for thread in threads):
        taken += controls.take()
    for thread in threads:
        thread.join()
    taken += controls.take()
    assert len(taken) == 800
