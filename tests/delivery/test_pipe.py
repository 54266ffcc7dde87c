"""The pipe between the window and the delivering process: framing, and every kind of message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tms_console.delivery import pipe
from tms_console.delivery.order import EmulatorOrder, PortOrder, SessionOrder
from tms_console.delivery.snapshot import Snapshot
from tms_console.records.operations import EventKind, SessionState

ORDER = SessionOrder(
    kind="rehearsal",
    content={"tag": "tms-rehearsal-1", "blocks": [1, "18/1", None, True]},
    digest="0" * 64,
    authority_uid="01a20496-7cec-74a1-94b7-432e137dd1e9",
    database="rehearsals.db",
    device=EmulatorOrder(name="magpro", faults=("hang@3",), virtual=True),
    actor="rehearsal",
)
SNAPSHOT = Snapshot("resting", "", 1, 2, 600, 30, 0, 0, 2, 20, 1, 54, 10, None, 0)
COMMANDS: list[pipe.Command] = [
    pipe.Beat(),
    pipe.Start(ORDER),
    pipe.Start(
        SessionOrder(
            kind="rehearsal",
            content={},
            digest="1" * 64,
            authority_uid="x",
            database="y",
            device=PortOrder(driver="magpro", port="/dev/ttyUSB0"),
            actor="z",
        )
    ),
    pipe.Pause("coil slipped"),
    pipe.Resume(),
    pipe.Stop("asked to stop"),
    pipe.SetIntensity(50, 1),
    pipe.PutOnRecord(EventKind.ADVERSE_EVENT, "headache, mild", "J. Meyer"),
]
MESSAGES: list[pipe.Message] = [
    pipe.Ready(1, "0.1.0", ""),
    pipe.Began("uid", (pipe.GateAnswer("disk", "passed", "100 MB are free.", ""),)),
    pipe.Stands(SNAPSHOT),
    pipe.Over("uid", SessionState.STOPPED, "stopped", (), True, 0),
    pipe.Over("", None, "refused", (), True, 0),
    pipe.Unrecorded(pipe.PutOnRecord(EventKind.NOTE, "late", "J. Meyer")),
]


@given(st.lists(st.sampled_from(COMMANDS), max_size=12), st.data())
def test_commands_survive_any_chopping_of_the_stream(
    sent: list[pipe.Command], data: st.DataObject
) -> None:
    stream = b"".join(pipe.encode(pipe.COMMANDS, one) for one in sent)
    decoder, received = pipe.PipeDecoder(pipe.COMMANDS), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        decoder.feed(stream[:size])
        stream = stream[size:]
        while (command := decoder.next_value()) is not None:
            received.append(command)
    assert received == sent


@pytest.mark.parametrize("message", MESSAGES, ids=lambda one: type(one).__name__)
def test_every_message_comes_out_as_it_went_in(message: pipe.Message) -> None:
    decoder = pipe.PipeDecoder(pipe.MESSAGES)
    decoder.feed(pipe.encode(pipe.MESSAGES, message))
    assert decoder.next_value() == message
    assert decoder.next_value() is None


@given(st.binary(max_size=200))
def test_any_bytes_give_a_message_more_waiting_or_a_broken_pipe(data: bytes) -> None:
    decoder = pipe.PipeDecoder(pipe.COMMANDS)
    decoder.feed(data)
    for _ in range(100):
        try:
            if decoder.next_value() is None:
                return
        except pipe.PipeBroken:
            return
    pytest.fail("the decoder does not come to an end")


def test_an_announced_length_beyond_all_reason_is_refused_at_once() -> None:
    """Otherwise a foreign program on the pipe would make it collect bytes for ever."""
    decoder = pipe.PipeDecoder(pipe.COMMANDS)
    decoder.feed((pipe.MAX_MESSAGE + 1).to_bytes(4))
    with pytest.raises(pipe.PipeBroken, match="announced"):
        decoder.next_value()


def test_a_message_too_long_to_send_is_an_error_of_the_sender() -> None:
    with pytest.raises(ValueError, match="at most"):
        pipe.encode(pipe.COMMANDS, pipe.Stop("x" * (pipe.MAX_MESSAGE + 1)))


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"do":"fire"}',
        b'{"do":"set_intensity","intensity_pct_mso":"a lot","block":1}',
        b'{"do":"stop"}',
        b'{"do":"put_on_record","kind":"stop","detail":"x","actor":"y"}',
        b"[" * 100,
    ],
)
def test_a_command_that_is_none_names_what_is_wrong(body: bytes) -> None:
    decoder = pipe.PipeDecoder(pipe.COMMANDS)
    decoder.feed(len(body).to_bytes(4) + body)
    with pytest.raises(pipe.PipeBroken, match="not a message"):
        decoder.next_value()
