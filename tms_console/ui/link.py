"""The window's end of the delivering process: heartbeat, orders, and what to do when it dies.

The heartbeat is a timer of the window's own thread and nothing else may send it: a window that does
not answer stops beating, and the session ends.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

from pydantic import JsonValue
from PySide6.QtCore import QObject, QTimer, Signal, Slot

from protocols.finding_log import Entry, entry_json
from tms_console.delivery import pipe
from tms_console.delivery.client import BEAT_EVERY_S, DeliveryClient
from tms_console.delivery.order import Challenge, PortOrder, SessionOrder
from tms_console.delivery.probing import (
    DisarmTried,
    Found,
    LeftAlone,
    PortsFound,
    ProbeCommand,
    Seen,
    Stepped,
)
from tms_console.delivery.snapshot import Snapshot
from tms_console.records.clinical import AddRecord
from tms_console.records.operations import EventKind

LOGGER = logging.getLogger(__name__)

SILENT_AFTER_S = 2.0
"""A delivering process that says nothing for so long hangs, as a window does that does not beat."""

GIVEN_UP_AFTER_S = 10.0
"""After so long, or as soon as Stop is wanted, it is ended, and its successor disarms."""

DEATHS_SAID = 3
"""So many processes in a row that never came up are said."""

LONGEST_WAIT_S = 10
"""The longest wait before the next one."""

CANNOT_START = (
    "The delivering process does not start, so nothing can be given. It is tried again and again; "
    "if it stays so, start the program anew."
)

OWN_BUTTON = "If in doubt, press the stimulator's own stop button."


@dataclass(frozen=True, slots=True)
class SessionView:
    """What the window knows of the session in hand, or of the last one.

    Attributes:
        order: What was ordered, None if nothing was.
        running: An order was given and has not ended.
        session_uid: Once it is on record.
        snapshot: Where it stands, None before the first.
        checks: What the gate said.
        over: How it ended, None while it runs.
        lost: The delivering process died: what was done about it, in sentences.
        silent: It does not answer: what to do now, "" while it does.
        unrecorded: Remarks that came too late for the delivering process to put on record.
        doubtful: Remarks that a delivering process took, or should have, before it died: whoever
            puts them on record looks first whether they are there.
    """

    order: SessionOrder | None = None
    running: bool = False
    session_uid: str = ""
    snapshot: Snapshot | None = None
    checks: tuple[pipe.GateAnswer, ...] = ()
    over: pipe.Over | None = None
    lost: tuple[str, ...] = ()
    silent: str = ""
    unrecorded: tuple[pipe.ToRecord, ...] = ()
    doubtful: tuple[pipe.ToRecord, ...] = ()


class DeliveryLink(QObject):
    """Owns the delivering process; every call is of the window's thread."""

    view_changed = Signal(object)
    device_said = Signal(object)
    """What came of looking at a stimulator, a `delivery.probing.ProbeMessage`."""
    not_taken = Signal(object)
    """What was asked for in a search for a threshold and is not done, a `pipe.NotTaken`."""
    _heard = Signal(object)
    _died = Signal(int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.view = SessionView()
        self.challenge: Challenge | None = None
        self._client: DeliveryClient | None = None
        self._stop_asked = False
        self._given_up = ""
        self._remarks: list[pipe.ToRecord] = []
        self._not_taken: list[pipe.ToRecord] = []
        self._waiting: Callable[[Challenge], SessionOrder] | None = None
        self._heard.connect(self._hear)
        self._died.connect(self._die)
        self._beat = QTimer(self)
        self._beat.setInterval(round(BEAT_EVERY_S * 1000))
        self._beat.timeout.connect(self._send_beat)
        self._to_disarm: tuple[str, str] | None = None
        self._deaths = 0
        self._restart = QTimer(self)
        self._restart.setSingleShot(True)
        self._restart.timeout.connect(self._start)

    def open(self) -> None:
        """Start the delivering process, if it is not there."""
        if self._client is None:
            self._start()
            self._beat.start()

    @Slot()
    def _start(self) -> None:
        """Start a process; its first act is to disarm what one before it may have left armed."""
        self._client = DeliveryClient(
            self._heard.emit, self._died.emit, disarm_first=self._to_disarm
        )

    def close(self) -> None:
        """End the delivering process, which ends any session."""
        self._beat.stop()
        self._restart.stop()
        client, self._client = self._client, None
        if client is not None:
            client.close()

    @property
    def running(self) -> bool:
        """True while a session exists that Stop could concern."""
        return self.view.running

    @property
    def treated_uid(self) -> str:
        """Whom the running session is for, "" if none runs; a rehearsal is nobody's.

        Not whom the pages show: somebody may look at another patient meanwhile.
        """
        order = self.view.order
        if not self.view.running or order is None or order.start_order is None:
            return ""
        return str(json.loads(order.start_order.content)["patient_uid"])

    @property
    def treating(self) -> bool:
        """True while a session of treatment runs; no rehearsal, and no search for a threshold."""
        return (
            self.view.running
            and self.view.order is not None
            and (self.view.order.kind == "treatment")
        )

    @property
    def disarming(self) -> bool:
        """True from a delivering process's death until its successor has seen to the port."""
        return self._to_disarm is not None

    def begin(self, order: SessionOrder) -> None:
        """Give an order to the delivering process."""
        self.challenge = None
        self._stop_asked = False
        self._remarks, self._not_taken = [], []
        self._show(SessionView(order=order, running=True))
        if not self._send(pipe.Start(order)):
            self._show(replace(self.view, running=False, lost=("It does not take orders.",)))

    def stop(self, reason: str) -> None:
        """Ask for an end, now; in every state."""
        self._stop_asked = self.view.running
        if self._send(pipe.Stop(reason)) or self._client is None or not self.view.running:
            self._look_after_process()
            return
        self._given_up = "did not take Stop and was ended"
        self._client.kill()

    def pause(self, reason: str) -> None:
        """Ask for a pause after the train in hand."""
        self._send(pipe.Pause(reason))

    def resume(self) -> None:
        """Go on."""
        self._send(pipe.Resume())

    def set_intensity(self, intensity_pct_mso: int, block: int) -> None:
        """Move the intensity of the block that was seen, from 1, from the next train on."""
        self._send(pipe.SetIntensity(intensity_pct_mso, block))

    def give_stimulus(self, stimulus: int, intensity_pct_mso: int) -> bool:
        """Give one stimulus of a search for a threshold, as it was seen; False if nobody heard."""
        return self._send(pipe.GiveStimulus(stimulus, intensity_pct_mso))

    def say_in_finding(self, entry: Entry, actor: str) -> bool:
        """Put on record what was said in a search for a threshold; False if nobody heard."""
        return self._send(pipe.SayInFinding(cast("JsonValue", entry_json(entry)), actor))

    def put_on_record(self, kind: EventKind, detail: str, actor: str) -> None:
        """Put a note or an adverse event on record."""
        self._put(pipe.PutOnRecord(kind, detail, actor))  # type: ignore[arg-type]

    def put_adverse_event(self, record: AddRecord) -> None:
        """Put a structured adverse event on record; a grave one ends the session."""
        self._put(pipe.PutAdverseEvent(record))

    def _put(self, remark: pipe.ToRecord) -> None:
        """Hand a remark over, and keep it until the process cannot lose it any more."""
        (self._remarks if self._send(remark) else self._not_taken).append(remark)

    def ask_device(self, command: ProbeCommand) -> bool:
        """Look at a stimulator while no session runs; return False if nobody can."""
        return self._send(command)

    def forget(self) -> None:
        """Show nothing of the last session any more."""
        if not self.view.running:
            self._show(SessionView())

    def _send(self, command: pipe.Command) -> bool:
        return self._client is not None and self._client.send(command)

    @Slot()
    def _send_beat(self) -> None:
        self._send(pipe.Beat())
        self._look_after_process()

    def _look_after_process(self) -> None:
        """Say that a process hangs that should be giving a session; end it if it goes on."""
        client = self._client
        if client is None or not self.view.running:
            return
        silent_s = client.silent_s
        if silent_s < SILENT_AFTER_S:
            if self.view.silent:
                self._show(replace(self.view, silent=""))
        elif silent_s > GIVEN_UP_AFTER_S or self._stop_asked:
            self._given_up = f"did not answer for {silent_s:.0f} s and was ended"
            client.kill()
        elif not self.view.silent:
            told = (
                f"The delivering process has not answered for {silent_s:.0f} s. "
                "Press the stimulator's own stop button."
            )
            self._show(replace(self.view, silent=told))

    @Slot(object)
    def _hear(self, message: pipe.Message) -> None:
        match message:
            case pipe.Challenged(challenge):
                self.challenge = challenge
            case pipe.Ready(_, _, disarmed):
                self._deaths = 0
                if not disarmed:
                    return
                self._to_disarm = None
                told = dict.fromkeys((*self.view.lost, disarmed, OWN_BUTTON))
                self._show(replace(self.view, lost=tuple(told)))
            case pipe.Began(uid, checks):
                self._show(replace(self.view, session_uid=uid, checks=checks))
            case pipe.Stands(snapshot):
                self._show(replace(self.view, snapshot=snapshot))
            case pipe.Over():
                not_taken, self._remarks, self._not_taken = self._not_taken, [], []
                self._show(
                    replace(
                        self.view,
                        running=False,
                        unrecorded=(*self.view.unrecorded, *not_taken),
                        over=message,
                        session_uid=message.session_uid,
                        checks=message.checks or self.view.checks,
                    )
                )
            case pipe.Unrecorded(remark):
                self._remarks = [one for one in self._remarks if one != remark]
                late = (*self.view.unrecorded, remark)
                self._show(replace(self.view, unrecorded=late))
            case pipe.NotTaken():
                self.not_taken.emit(message)
            case PortsFound() | Stepped() | Found() | Seen() | LeftAlone() | DisarmTried():
                self.device_said.emit(message)
            case _:
                pass

    @Slot(int)
    def _die(self, status: int) -> None:
        """The delivering process is gone: at once another one, whose first act is to disarm.

        One that dies before it is up is started again more and more slowly, and that is said.
        """
        dead, self._client, self.challenge = self._client, None, None
        how, self._given_up = self._given_up or f"ended unexpectedly (status {status})", ""
        order = self.view.order if self.view.running else None
        port = order.device if order is not None else None
        disarm = (port.driver, port.port) if isinstance(port, PortOrder) else None
        self._to_disarm = disarm or self._to_disarm
        self._deaths += 1
        if self._deaths == 1:
            self._start()
        else:
            self._restart.start(1000 * min(2 ** (self._deaths - 2), LONGEST_WAIT_S))
        if self._deaths == DEATHS_SAID:
            self._show(replace(self.view, lost=(*self.view.lost, CANNOT_START, OWN_BUTTON)))
        if order is not None:
            words = (
                f"The delivering process {how} during the session.",
                "The stimulator is being disarmed." if disarm else "",
                OWN_BUTTON,
            )
            lost = tuple(one for one in words if one)
            doubtful = (*self._remarks, *self._not_taken)
            self._remarks, self._not_taken = [], []
            ended = replace(self.view, running=False, lost=lost, silent="", doubtful=doubtful)
            self._show(ended)
        if dead is not None:
            dead.close()

    def _show(self, view: SessionView) -> None:
        self.view = view
        self.view_changed.emit(view)
