"""What can go wrong with a stimulator, classed by what the caller does next.

    StimulatorError
    ├── NotConnected        offer to reconnect; nothing was set off by this call
    │   └── PortBusy        another program holds the port
    ├── LinkFault           a query got no usable answer; the device's state is not known
    │   ├── Locked          it answers, and wants an unlock code that was not the right one
    │   └── ProtocolError   bytes came, and they break the wire protocol
    ├── SettingsRefused     read-back differs, or the device cannot do it: nothing was armed
    ├── PulseRefused        the device says that it did not fire: show, stay safe
    ├── DeliveryUncertain   a stimulating command was sent and nobody knows: halt, a person decides
    └── StopRequested       a stop was asked for; `disarm` has been written

A plain bug is an ordinary exception, and is not here.
"""

from __future__ import annotations


class StimulatorError(Exception):
    """Something a driver reports; the message names the port or the pulse, and the unit."""


class NotConnected(StimulatorError):
    """There is no stimulator on this port, or no longer."""


class PortBusy(NotConnected):
    """Another program holds the port."""


class LinkFault(StimulatorError):
    """An exchange got no usable answer in time."""


class Locked(LinkFault):
    """The device answers, and does not let itself be controlled without its unlock code."""


class ProtocolError(LinkFault):
    """Bytes came that break the wire protocol.

    Attributes:
        raw: The offending bytes.
    """

    def __init__(self, message: str, raw: bytes = b"") -> None:
        super().__init__(message)
        self.raw = raw


class SettingsRefused(StimulatorError):
    """The stimulator did not take the settings, or cannot: nothing was armed."""


class PulseRefused(StimulatorError):
    """The stimulator answered that it did not fire; nothing was delivered.

    Attributes:
        commanded_ns: When the command's bytes went to the port, None if none was sent.
    """

    def __init__(self, message: str, commanded_ns: int | None = None) -> None:
        super().__init__(message)
        self.commanded_ns = commanded_ns


class DeliveryUncertain(StimulatorError):
    """A stimulating command was sent and no usable answer came back; nobody knows what happened.

    Attributes:
        commanded_ns: When its bytes went to the port.
        answers_from_ns: A report that came before this is of another stimulus; `commanded_ns` if
            the line says nothing about it.
    """

    def __init__(self, message: str, commanded_ns: int, answers_from_ns: int = 0) -> None:
        super().__init__(message)
        self.commanded_ns = commanded_ns
        self.answers_from_ns = answers_from_ns or commanded_ns


class StopRequested(StimulatorError):
    """A stop was asked for while the driver was busy; `disarm` has already been written."""
