"""From Prepare to an order that is handed over, the same for a treatment and for a search.

Between a press and what comes of it somebody may log out, choose another patient or go back: then
nothing is ordered.  Whether what was ordered begins, the delivering process decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from PySide6.QtCore import QObject, Slot

from tms_console.accounts.login import Login
from tms_console.accounts.station import Station
from tms_console.accounts.trust import Trusted
from tms_console.delivery.order import Challenge, EmulatorOrder, PortOrder, SessionOrder
from tms_console.ui.bridge import Bridge, ChosenDevice
from tms_console.ui.two_steps import TwoSteps

_T = TypeVar("_T")

LOOKING = "Looking once more ..."
SIGNING = "Signing the order ..."
NOT_READY = "The delivering process is not ready yet; press Prepare again in a moment."
ANOTHER_PATIENT = "Another patient was chosen meanwhile; nothing was ordered."
ANOTHER_DEVICE = "Another stimulator was chosen meanwhile; nothing was ordered."
ANOTHER_SESSION = "Another session began meanwhile; nothing was ordered."
GONE = "Whoever pressed Start logged out or locked the screen meanwhile; nothing was ordered."
TAKEN_BACK = "It was taken back, or changed, before the order was signed; nothing was ordered."

Sign = Callable[[Station, Login, Challenge, EmulatorOrder | PortOrder], SessionOrder]
"""Signs the order for what is shown; in the worker's thread, touching no widget."""


@dataclass(frozen=True, slots=True, eq=False)
class Pressed:
    """What was true when Start was pressed."""

    patient_uid: str
    login: Login
    device: ChosenDevice
    challenge: Challenge


class Beginning(QObject):
    """The two steps of a page: looks once more, signs, and hands the order over, once."""

    def __init__(self, bridge: Bridge, part: TwoSteps, parent: QObject) -> None:
        super().__init__(parent)
        self._bridge, self._part = bridge, part
        self._in_hand: object | None = None
        part.taken_back.connect(self._take_back)
        bridge.patient_changed.connect(part.back)
        bridge.device_changed.connect(part.back)
        bridge.login_changed.connect(part.back)

    @Slot()
    def _take_back(self) -> None:
        self._in_hand = None

    # First step

    def prepare(self, build: Callable[[Trusted, str], _T], show: Callable[[_T], bool]) -> None:
        """Look at everything once more, then ask who is in the chair.

        Args:
            build: Gets the record and the wall time; runs in the worker and touches no widget.
            show: Shows what was built; returns whether the list is in view.
        """
        self._part.show_refusal("", ())
        self._part.show_busy(LOOKING)
        looking = self._in_hand = object()
        self._bridge.read(
            self,
            build,
            partial(self._looked, looking, show),
            partial(self._not_looked, looking),
        )

    def _looked(self, looking: object, show: Callable[[_T], bool], built: _T) -> None:
        if looking is not self._in_hand:
            return
        if show(built):
            self._part.show_prepared()

    def _not_looked(self, looking: object, sentence: str) -> None:
        if looking is self._in_hand:
            self.refuse(sentence)

    # Second step

    def start(
        self, patient_uid: str, sign: Sign, begin: Callable[[SessionOrder], SessionOrder]
    ) -> None:
        """Sign the order for exactly what is shown, and hand it over.

        Args:
            patient_uid: Whose identifiers were asked.
            sign: Makes the order.
            begin: Called when it will be handed over; returns it as it goes out.
        """
        bridge, link, login = self._bridge, self._bridge.link, self._bridge.login
        if not self._part.identified or link.running:
            return
        if login is None or login.locked:
            self.refuse(GONE)
        elif patient_uid != bridge.patient_uid:
            self.refuse(ANOTHER_PATIENT)
        elif link.challenge is None:
            self.refuse(NOT_READY)
        else:
            pressed = Pressed(patient_uid, login, bridge.device, link.challenge)
            self._part.show_busy(SIGNING)
            self._in_hand = pressed
            bridge.act(
                self,
                lambda station, login: sign(
                    station, login, pressed.challenge, pressed.device.order
                ),
                partial(self._signed, pressed, begin),
                self.refuse,
            )

    def _signed(
        self,
        pressed: Pressed,
        begin: Callable[[SessionOrder], SessionOrder],
        order: SessionOrder,
    ) -> None:
        if self._bridge.closing.is_set():
            return
        why = self._why_not(pressed)
        if why:
            self.refuse(why)
            return
        order = begin(order)
        self._part.back()
        self._bridge.link.begin(order)

    def _why_not(self, pressed: Pressed) -> str:
        """Return why a signed order is not handed over, "" if it is."""
        bridge, link = self._bridge, self._bridge.link
        if pressed.login is not bridge.login or pressed.login.locked:
            return GONE
        if pressed.patient_uid != bridge.patient_uid:
            return ANOTHER_PATIENT
        if pressed.device is not bridge.device:
            return ANOTHER_DEVICE
        if link.running:
            return ANOTHER_SESSION
        if pressed is not self._in_hand:
            return TAKEN_BACK
        return "" if pressed.challenge is link.challenge else NOT_READY

    def refuse(self, sentence: str) -> None:
        """Say why nothing was ordered, and begin again with the first step."""
        self._part.back()
        self._part.show_refusal(sentence, ())
