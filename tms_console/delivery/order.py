"""The order to deliver: what travels to the delivering process, checked when it is made.

It names things (a content, a device, a database); it opens nothing.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue
from pydantic.dataclasses import dataclass

from tms_console.records.clinical import AddRecord, RecordKind
from tms_console.records.values import Digest, Uid

_CHECKED = ConfigDict(strict=True, extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True, config=_CHECKED)
class EmulatorOrder:
    """Build this emulator in the delivering process itself.

    Attributes:
        name: Which emulated device, as `drivers.registry` names it.
        seed: Seeds its latencies and jitter.
        faults: What goes wrong, each as NAME@PULSE.
        pulse_log: Where it logs the pulses it fires, None for nowhere.
        virtual: Run it under the virtual clock.
        witness: Build a pulse witness too, on its trigger output.
    """

    at: Literal["emulator"] = "emulator"
    name: str
    seed: int = 0
    faults: tuple[str, ...] = ()
    pulse_log: str | None = None
    virtual: bool = False
    witness: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, config=_CHECKED)
class PortOrder:
    """Use what is on this port.

    Attributes:
        driver: Name of the driver.
        port: A serial port, a pseudo-terminal, or `localhost:PORT`.
        witness: The port of the pulse witness on its trigger output, None without one.
    """

    at: Literal["port"] = "port"
    driver: str
    port: str
    witness: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=_CHECKED)
class Challenge:
    """What the delivering process wants in the next start order, and accepts once.

    Attributes:
        session_uid: The uid that the session will have.
        nonce: 64 hexadecimal digits that nobody can know before.
    """

    session_uid: Uid
    nonce: Digest


@dataclass(frozen=True, slots=True, kw_only=True, config=_CHECKED)
class SessionOrder:
    """Deliver this.

    Attributes:
        kind: The kind of session.
        content: The canonical form of a rehearsal's content; None for a treatment or a search for
            a threshold, which the delivering process reads from the record itself.
        digest: The digest of the authority, as it was authorised.
        authority_uid: The uid of the authority.
        database: Path of the database.
        device: What to deliver it with.
        actor: Who starts it.
        resumes_uid: The session that this one goes on from, None for a new one.
        start_order: The technician's signed order; None exactly for a rehearsal.
    """

    kind: Literal["rehearsal", "treatment", "threshold"]
    content: JsonValue = None
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    authority_uid: str
    database: str
    device: Annotated[EmulatorOrder | PortOrder, Field(discriminator="at")]
    actor: str
    resumes_uid: str | None = None
    start_order: AddRecord | None = None

    def __post_init__(self) -> None:
        """Raise ValueError unless it has what its kind of session needs, and nothing else."""
        if self.kind == "rehearsal":
            if self.start_order is not None:
                raise ValueError("nobody orders a rehearsal: it has no start order")
            return
        order = self.start_order
        if order is None or order.kind is not RecordKind.START_ORDER:
            raise ValueError(f"a {self.kind} needs a technician's signed start order")
        if self.content is not None:
            raise ValueError(f"the content of a {self.kind} is read from the record, not sent")
        if self.kind == "threshold" and self.resumes_uid is not None:
            raise ValueError("a series that ended is not gone on with: another is begun")
