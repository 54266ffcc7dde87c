"""The MagPro codec against the worked frames of stimulators.md part 2, and against any bytes."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from drivers.errors import ProtocolError
from drivers.magpro.codec import MAX_BUFFERED, FrameDecoder, crc8, encode_frame
from drivers.magpro.commands import (
    Command,
    Delays,
    GetDelays,
    GetSettings,
    GetStatus,
    GetStatus2,
    GetStimulusCount,
    GetTrain,
    SetAmplitude,
    SetDelays,
    SetDelays10,
    SetEnabled,
    SetPage,
    SetSettings,
    SetTrain,
    SetTrain11,
    StartTrain,
    Trigger,
    parse_command,
)
from drivers.magpro.replies import (
    Amplitude,
    AmplitudeFactor,
    Caps,
    CoilState,
    DelaysReply,
    Info,
    MepReport,
    Message,
    Notice,
    OriginalAmplitude,
    PageState,
    Settings,
    Status,
    Status2,
    StimulusCount,
    StimulusReport,
    TrainReply,
    Unknown,
    coil_name,
    model_name,
    parse_message,
    serial_text,
)
from drivers.magpro.tables import (
    BURST_IPI_TENTHS_MS,
    PAIR_IPI_TENTHS_MS,
    BurstIndex,
    Direction,
    Mode,
    Model,
    Page,
    TimingControl,
    Waveform,
    ba_hundredths,
    ba_index,
    ipi_index,
    ipi_tenths_ms,
)


def settings(waveform: Waveform) -> SetSettings:
    return SetSettings(
        Model.X100, Mode.STANDARD, Direction.NORMAL, waveform, BurstIndex.THREE, 200, 100
    )


REQUESTS: list[tuple[str, Command]] = [
    ("FE 01 00 00 FF", GetStatus()),
    ("FE 02 01 32 C6 FF", SetAmplitude(50)),
    ("FE 03 01 32 00 17 FF", SetAmplitude(50, 0)),
    ("FE 03 01 3C 28 2A FF", SetAmplitude(60, 40)),
    ("FE 02 02 01 CF FF", SetEnabled(True)),
    ("FE 02 02 00 91 FF", SetEnabled(False)),
    ("FE 03 03 01 00 20 FF", Trigger()),
    ("FE 01 04 61 FF", StartTrain()),
    ("FE 01 05 3F FF", GetStatus2()),
    ("FE 09 06 00 64 00 28 00 4B 01 04 BC FF", SetTrain(100, 40, 75, 260)),
    ("FE 03 07 02 00 EB FF", SetPage(Page.TIMING)),
    ("FE 03 07 01 00 BE FF", SetPage(Page.MAIN)),
    ("FE 09 08 00 00 00 00 00 00 00 00 5D FF", SetDelays(Delays())),
    ("FE 02 09 00 B2 FF", GetSettings()),
    ("FE 0B 09 01 01 00 00 03 02 00 C8 00 64 E9 FF", settings(Waveform.BIPHASIC_BURST)),
    ("FE 0B 09 01 01 00 00 01 02 00 C8 00 64 87 FF", settings(Waveform.BIPHASIC)),
    ("FE 02 0A 00 E7 FF", GetDelays()),
    (
        "FE 0C 0B 01 00 00 32 00 0A 00 14 00 50 00 F2 FF",
        SetTrain11(TimingControl.SEQUENCE, SetTrain(50, 10, 20, 80)),
    ),
    ("FE 02 0C 00 4D FF", GetStimulusCount()),
]
OTHER_FORMS: list[tuple[str, Command]] = [
    ("FE 01 03 E2 FF", Trigger()),
    ("FE 02 03 01 0B FF", Trigger()),
    ("FE 02 07 02 D2 FF", SetPage(Page.TIMING)),
    ("FE 0B 09 00 00 00 00 00 00 00 00 00 00 2B FF", GetSettings()),
]
X100 = Info(Model.X100, enabled=True)
REPLIES: list[tuple[str, Message]] = [
    ("FE 04 01 32 00 34 C1 FF", Amplitude(50, 0, X100)),
    ("FE 04 02 4B 00 34 28 FF", StimulusReport(75, 0, X100)),
    ("FE 04 03 16 48 34 21 FF", CoilState(22, 72, X100)),
    ("FE 04 08 02 01 34 48 FF", PageState(Page.TIMING, running=True, info=X100)),
    ("FE 09 00 34 00 04 D2 16 48 32 00 71 FF", Status(X100, 1234, 22, 72, 50, 0)),
    (
        "FE 04 02 00 00 1C 39 FF",
        StimulusReport(0, 0, Info(Model.R30, enabled=True, waveform=Waveform.BIPHASIC_BURST)),
    ),
]


def body_of(text: str) -> bytes:
    decoder = FrameDecoder()
    decoder.feed(bytes.fromhex(text))
    body = decoder.next_frame()
    assert body is not None
    assert decoder.next_frame() is None
    assert not decoder.waiting
    return body


@pytest.mark.parametrize(("text", "command"), REQUESTS)
def test_every_worked_request_is_what_the_host_encodes_and_what_the_device_parses(
    text: str, command: Command
) -> None:
    assert encode_frame(command.body).hex(" ").upper() == text
    assert parse_command(body_of(text)) == command


@pytest.mark.parametrize(("text", "command"), OTHER_FORMS)
def test_the_device_takes_the_other_lengths_that_clients_use(text: str, command: Command) -> None:
    assert parse_command(body_of(text)) == command


@pytest.mark.parametrize(("text", "message"), REPLIES)
def test_every_worked_reply_is_what_the_device_encodes_and_what_the_host_parses(
    text: str, message: Message
) -> None:
    assert encode_frame(message.body).hex(" ").upper() == text
    assert parse_message(body_of(text)) == message


def test_the_worked_caps_byte_is_an_r30_of_class_3_with_burst() -> None:
    caps = Caps.of(0x58)
    assert caps == Caps(Model.R30, 3, burst=True)
    assert caps.max_rate_hz == 80
    assert caps.byte == 0x58


@pytest.mark.parametrize(
    ("caps", "rate_hz"),
    [
        (Caps(Model.R30, 0, burst=False), 30),
        (Caps(Model.R30, 1, burst=False), 20),
        (Caps(Model.R30_OPTION, 2, burst=False), 60),
        (Caps(Model.X100, 3, burst=True), 250),
        (Caps(Model.X100, 0, burst=True), 100),
        (Caps(Model.R30, 7, burst=False), None),
    ],
)
def test_the_rate_class_means_different_rates_on_different_models(
    caps: Caps, rate_hz: int | None
) -> None:
    assert caps.max_rate_hz == rate_hz


def test_the_info_byte_is_divided_by_32_for_the_model() -> None:
    """One public client divides by 64 and takes an X100 for an R30."""
    assert Info.of(0x34) == X100
    assert Info.of(0x1C).model == Model.R30


@given(st.integers(0, 255))
def test_every_info_and_caps_byte_says_something_and_says_it_back(byte: int) -> None:
    assert Info.of(byte).byte == byte
    assert Caps.of(byte).byte == byte & 0x7F


ALL_MESSAGES: list[Message] = [
    *(message for _, message in REPLIES),
    MepReport(1200, -800, 25_000),
    MepReport(1200, -800, 25_000, 2000),
    Status2(Status(X100, 0xABCDEF, 30, 60, 54, 0), 54, 0, 100, 100, Page.PROTOCOL, running=True),
    OriginalAmplitude(54, 20, X100),
    AmplitudeFactor(100, 90, X100),
    Settings(
        Caps.of(0x58), Mode.TWIN, Direction.REVERSE, Waveform.MONOPHASIC, BurstIndex.TWO, 260, 80
    ),
    DelaysReply(Delays(100, -1000, 12_000)),
    TrainReply(17, SetTrain(181, 36, 1, 200), 1),
    StimulusCount(65_535, Page.TIMING),
    Notice(240, b"\x01\x02"),
    Notice(241),
    Unknown(b"\x63\x01"),
]


@pytest.mark.parametrize("message", ALL_MESSAGES)
def test_every_message_is_parsed_from_what_it_encodes_to(message: Message) -> None:
    assert parse_message(message.body) == message


def test_messages_have_the_lengths_of_the_published_table() -> None:
    total = {0: {13}, 1: {8}, 2: {8}, 3: {8}, 4: {17, 21}, 5: {19}, 6: {8}, 7: {8}, 8: {8}, 9: {14}}
    seen: dict[int, set[int]] = {}
    for message in ALL_MESSAGES:
        seen.setdefault(message.body[0], set()).add(len(encode_frame(message.body)))
    assert {number: seen[number] for number in total} == total


def test_the_interval_index_of_a_settings_reply_has_its_low_byte_first() -> None:
    body = Settings(
        Caps.of(0x58), Mode.DUAL, Direction.NORMAL, Waveform.BIPHASIC, BurstIndex.FIVE, 260, 60
    ).body
    assert body[7:9] == bytes((4, 1))
    reply = parse_message(body)
    assert isinstance(reply, Settings)
    assert reply.ipi_tenths_ms == 10
    assert reply.ba_hundredths == 4000


def test_an_index_that_stands_for_nothing_is_not_guessed() -> None:
    reply = Settings(
        Caps.of(0x58), Mode.STANDARD, Direction.NORMAL, Waveform.BIPHASIC, BurstIndex.FIVE, 999, 255
    )
    assert reply.ipi_tenths_ms is None
    assert reply.ba_hundredths is None


@pytest.mark.parametrize(
    ("mode", "index", "tenths_ms"),
    [
        (Mode.STANDARD, 0, 1000),
        (Mode.STANDARD, 80, 200),
        (Mode.STANDARD, 81, 195),
        (Mode.STANDARD, 100, 100),
        (Mode.STANDARD, 101, 99),
        (Mode.POWER, 195, 5),
        (Mode.TWIN, 0, 30_000),
        (Mode.TWIN, 20, 10_000),
        (Mode.TWIN, 30, 5000),
        (Mode.DUAL, 70, 1000),
        (Mode.DUAL, 150, 200),
        (Mode.DUAL, 170, 100),
        (Mode.DUAL, 260, 10),
    ],
)
def test_interval_indices_at_every_change_of_step(mode: Mode, index: int, tenths_ms: int) -> None:
    assert ipi_tenths_ms(mode, index) == tenths_ms
    assert ipi_index(mode, tenths_ms) == index


def test_interval_tables_fall_from_one_end_to_the_other_without_a_gap() -> None:
    assert len(BURST_IPI_TENTHS_MS) == 196
    assert len(PAIR_IPI_TENTHS_MS) == 261
    for table in (BURST_IPI_TENTHS_MS, PAIR_IPI_TENTHS_MS):
        assert list(table) == sorted(set(table), reverse=True)


@pytest.mark.parametrize(
    ("mode", "index", "hundredths"),
    [(Mode.TWIN, 0, 500), (Mode.TWIN, 80, 100), (Mode.DUAL, 0, 10_000), (Mode.DUAL, 60, 4000)],
)
def test_b_over_a_is_a_ratio_in_twin_and_an_amplitude_in_dual(
    mode: Mode, index: int, hundredths: int
) -> None:
    assert ba_hundredths(mode, index) == hundredths
    assert ba_index(mode, hundredths) == index


@pytest.mark.parametrize(
    ("mode", "hundredths"), [(Mode.TWIN, 101), (Mode.DUAL, 4050), (Mode.DUAL, 10_100)]
)
def test_a_ratio_the_device_does_not_have_is_an_error_that_says_what_is_allowed(
    mode: Mode, hundredths: int
) -> None:
    with pytest.raises(ValueError, match=r"0\.20 to 5\.00|0 to 100 %"):
        ba_index(mode, hundredths)


def test_indices_outside_the_tables_are_errors() -> None:
    with pytest.raises(ValueError, match="0 to 195"):
        ipi_tenths_ms(Mode.STANDARD, 196)
    with pytest.raises(ValueError, match="0 to 100"):
        ba_hundredths(Mode.DUAL, 101)
    with pytest.raises(ValueError, match=r"0\.5 to 100\.0 ms"):
        ipi_index(Mode.STANDARD, 201)


def test_bursts_have_two_to_five_pulses() -> None:
    assert [BurstIndex.of(pulses).value for pulses in (5, 4, 3, 2)] == [0, 1, 2, 3]
    assert BurstIndex.THREE.pulses == 3
    with pytest.raises(ValueError, match="2 to 5"):
        BurstIndex.of(6)


def test_names_of_models_coils_and_serial_numbers() -> None:
    assert model_name(1) == "MagPro X100"
    assert model_name(7) == "MagPro model 7"
    assert coil_name(60) == "Cool-B65"
    assert coil_name(99) == "coil type 99"
    assert serial_text(0x0004D2) == "1234"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: SetAmplitude(101),
        lambda: SetAmplitude(50, -1),
        lambda: SetTrain(70_000, 1, 1, 1),
        lambda: Delays(trigger_out_tenths_ms=40_000),
        lambda: settings(Waveform.BIPHASIC).__class__(
            Model.X100, Mode.STANDARD, Direction.NORMAL, Waveform.BIPHASIC, BurstIndex.TWO, 201
        ),
    ],
)
def test_a_value_that_has_no_place_in_its_body_is_never_built(wrong) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"not|no interval"):
        wrong()


def test_negative_output_delays_are_twos_complement() -> None:
    """One public client writes 65535 - x."""
    command = SetDelays(Delays(0, -15, 0))
    assert command.body[3:5] == b"\xff\xf1"
    assert parse_command(command.body) == command
    ten = SetDelays10(Delays(5, -1, 7))
    assert parse_command(ten.body) == ten
    assert parse_command(GetTrain().body) == GetTrain()


@pytest.mark.parametrize(
    "body",
    [
        b"\x0d",
        b"\x09\x02",
        b"\x01\x65",
        b"\x01",
        b"\x02\x02",
        b"\x03\x02",
        b"\x07\x05",
        b"\x09\x01\x01\x00\x00\x03\x09\x00\xc8\x00\x64",
        b"\x0b\x01\x20\x00\x32\x00\x0a\x00\x14\x00\x50\x00",
        b"",
    ],
)
def test_what_is_no_command_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_command(body)


@pytest.mark.parametrize(
    "body", [b"", b"\x01\x32", b"\x0c\x00", b"\x09\x00\x58\x09\x00\x00\x00\x00\x00\x00"]
)
def test_a_known_message_with_the_wrong_shape_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_message(body)


@given(
    st.one_of(
        st.binary(max_size=300),
        st.tuples(st.integers(0, 12), st.binary(max_size=16)).map(
            lambda pair: bytes((pair[0],)) + pair[1]
        ),
    )
)
def test_any_body_is_a_message_or_a_protocol_error_and_so_is_any_command(body: bytes) -> None:
    """What parses says the same again, whatever it left out (a flag of 2, a verb, filler)."""
    for parse in (parse_message, parse_command):
        try:
            parsed = parse(body)
        except ProtocolError:
            continue
        assert parse(parsed.body) == parsed


bodies = st.binary(min_size=1, max_size=255)


def drained(decoder: FrameDecoder) -> tuple[list[bytes], int]:
    """Everything a decoder gives, and how many errors; bounded, so that a hang fails."""
    frames: list[bytes] = []
    errors = 0
    for _ in range(100_000):
        try:
            body = decoder.next_frame()
        except ProtocolError:
            errors += 1
            continue
        if body is None:
            return frames, errors
        frames.append(body)
    raise AssertionError("the decoder does not come to an end")


@given(st.lists(bodies, max_size=8), st.data())
def test_frames_survive_any_chopping_of_the_stream(sent: list[bytes], data: st.DataObject) -> None:
    stream, decoder, received = b"".join(map(encode_frame, sent)), FrameDecoder(), []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        decoder.feed(stream[:size])
        stream = stream[size:]
        frames, errors = drained(decoder)
        received += frames
        assert not errors
    assert received == sent


@given(st.lists(bodies, min_size=1, max_size=5), st.binary(max_size=40).map(lambda b: b + b"\0"))
def test_frames_survive_whole_and_byte_by_byte_behind_garbage_without_a_start_byte(
    sent: list[bytes], garbage: bytes
) -> None:
    garbage = garbage.replace(b"\xfe", b"")
    stream = garbage + b"".join(map(encode_frame, sent))
    whole, single = FrameDecoder(), FrameDecoder()
    whole.feed(stream)
    assert drained(whole) == (sent, 1)
    received = []
    for byte in stream:
        single.feed(bytes((byte,)))
        received += drained(single)[0]
    assert received == sent


@given(bodies, st.data())
def test_a_truncated_frame_gives_nothing_and_the_rest_of_it_makes_it_whole(
    body: bytes, data: st.DataObject
) -> None:
    frame = encode_frame(body)
    cut = data.draw(st.integers(0, len(frame) - 1))
    decoder = FrameDecoder()
    decoder.feed(frame[:cut])
    assert decoder.next_frame() is None
    decoder.feed(frame[cut:] + b"\xfe\x01")
    assert decoder.next_frame() == body
    assert decoder.next_frame() is None
    assert decoder.waiting


@given(st.binary(max_size=2000))
def test_any_bytes_give_frames_or_protocol_errors_and_never_a_hang(stream: bytes) -> None:
    decoder = FrameDecoder()
    decoder.feed(stream)
    for body in drained(decoder)[0]:
        assert encode_frame(body) in stream
    while decoder.waiting:
        decoder.drop_start()
        drained(decoder)


@given(st.lists(bodies, min_size=1, max_size=4), st.integers(0, 255))
def test_a_false_start_does_not_hold_up_good_frames_once_the_deadline_drops_it(
    sent: list[bytes], length: int
) -> None:
    """Noise that looks like a start can announce 255 bytes; what is behind it must come out."""
    decoder = FrameDecoder()
    decoder.feed(bytes((0xFE, length)) + b"".join(map(encode_frame, sent)))
    received = drained(decoder)[0]
    while decoder.waiting:
        decoder.drop_start()
        received += drained(decoder)[0]
    assume(received[0] == sent[0] or received[0][0] != 0xFE)  # one false frame in 256 checks out
    assert received == sent


def test_a_good_frame_inside_a_false_one_is_found() -> None:
    good = encode_frame(b"\x00")
    decoder = FrameDecoder()
    decoder.feed(bytes((0xFE, 5)) + good + bytes(8))
    with pytest.raises(ProtocolError, match="bad frame"):
        decoder.next_frame()
    assert decoder.next_frame() == b"\x00"


@given(bodies, st.integers(0, 7), st.data())
def test_one_flipped_bit_never_gives_another_body(
    body: bytes, bit: int, data: st.DataObject
) -> None:
    frame = bytearray(encode_frame(body))
    at = data.draw(st.integers(2, len(frame) - 1))
    frame[at] ^= 1 << bit
    decoder = FrameDecoder()
    decoder.feed(bytes(frame))
    with pytest.raises(ProtocolError) as caught:
        decoder.next_frame()
    assert caught.value.raw == bytes(frame)


def test_an_error_of_a_bad_frame_shows_what_is_wrong() -> None:
    decoder = FrameDecoder()
    decoder.feed(bytes.fromhex("FE 01 00 01 FF FE 00 00 FF FE 01 00 00 00"))
    with pytest.raises(ProtocolError, match="checksum is 01, not 00"):
        decoder.next_frame()
    with pytest.raises(ProtocolError, match="empty"):
        decoder.next_frame()
    with pytest.raises(ProtocolError, match="ends in 00"):
        decoder.next_frame()
    assert decoder.drop_start() == b""


def test_a_decoder_that_nobody_reads_keeps_a_bounded_number_of_bytes_and_says_so() -> None:
    decoder = FrameDecoder()
    frame = encode_frame(bytes(251))
    for _ in range(MAX_BUFFERED // len(frame) + 2):
        decoder.feed(frame)
    with pytest.raises(ProtocolError, match="dropped unread"):
        decoder.next_frame()
    frames, _ = drained(decoder)
    assert 0 < len(frames) * len(frame) <= MAX_BUFFERED


@pytest.mark.parametrize("length", [0, 256])
def test_a_body_without_a_place_in_a_frame_is_never_encoded(length: int) -> None:
    with pytest.raises(ValueError, match="1 to 255"):
        encode_frame(bytes(length))


def test_the_checksum_is_the_dallas_one() -> None:
    """The published check value of CRC-8/MAXIM over the digits 1 to 9."""
    assert crc8(b"123456789") == 0xA1
