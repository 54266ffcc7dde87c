"""The Magstim codec against every worked byte of stimulators.md part 1, and against any bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.errors import ProtocolError
from drivers.magstim.codec import MAX_BUFFERED, Malformed, ReplyDecoder, RequestDecoder
from drivers.magstim.dialect import (
    Command,
    Dialect,
    Extended,
    Family,
    Instrument,
    Part,
    RapidState,
)
from drivers.magstim.replies import (
    Answer,
    BadData,
    Conflict,
    Reply,
    TrainParameters,
    Unrecognised,
    Version,
)
from drivers.magstim.requests import (
    ARM,
    DISARM,
    FIRE,
    GET_VERSION,
    RELEASE_REMOTE,
    Request,
    UnlockCode,
    checksum,
    enable_remote,
    number,
)

M200 = Dialect(Family.MAGSTIM_200)
BISTIM = Dialect(Family.BISTIM)
V5, V7, V9, V10 = (Dialect(Family.RAPID, major) for major in (5, 7, 9, 10))
DIALECTS = (M200, BISTIM, V5, V7, V9, V10)
CODE = UnlockCode("1a2b-3c4d5e6f-70")  # made up, as in the reference
READY = Instrument.REMOTE | Instrument.COIL | Instrument.READY
STANDBY = Instrument.REMOTE | Instrument.COIL | Instrument.STANDBY
LOCAL = Instrument.COIL | Instrument.STANDBY

REQUESTS = [
    (M200, "51 40 6E", enable_remote(M200)),
    (M200, "52 40 6D", RELEASE_REMOTE),
    (M200, "40 30 35 30 2A", number(M200, Command.POWER, 50)),
    (BISTIM, "41 30 36 30 28", number(BISTIM, Command.POWER_B, 60)),
    (BISTIM, "43 30 31 30 2B", number(BISTIM, Command.PULSE_INTERVAL, 10)),
    (BISTIM, "59 40 66", Request(Command.HIGH_RESOLUTION_ON)),
    (BISTIM, "5A 40 65", Request(Command.HIGH_RESOLUTION_OFF)),
    (M200, "45 41 79", DISARM),
    (M200, "45 42 78", ARM),
    (M200, "45 48 72", FIRE),
    (M200, "45 4A 70", Request(Command.MODE, b"J")),
    (M200, "4A 40 75", Request(Command.PARAMETERS)),
    (M200, "46 40 79", Request(Command.TEMPERATURE)),
    (BISTIM, "58 40 67", Request(Command.SYSTEM_MODE)),
    (V9, "4E 44 6D", GET_VERSION),
    (V9, "5C 40 63", Request(Command.RAPID_PARAMETERS)),
    (V9, "42 30 31 30 30 FC", number(V9, Command.FREQUENCY, 100)),
    (V9, "44 30 30 30 35 30 C6", number(V9, Command.PULSES, 50)),
    (V9, "5B 30 30 31 30 E3", number(V9, Command.DURATION, 10)),
    (V9, "5B 30 30 35 30 DF", number(V9, Command.DURATION, 50)),
    (V9, "5E 40 61", Request(Command.ENHANCED_POWER_ON)),
    (V9, "5F 40 60", Request(Command.ENHANCED_POWER_OFF)),
    (V9, "62 40 5D", Request(Command.IGNORE_INTERLOCK)),
    (V9, "49 40 76", Request(Command.ERROR_CODE)),
    (V9, "78 40 47", Request(Command.SYSTEM_STATUS)),
    (V9, "6F 40 50", Request(Command.GET_CHARGE_DELAY)),
]
V9_TRAIN = "5C 89 38 30 34 35 30 31 30 30 30 30 30 35 30 30 30 35 30 30 30 30 35 09"
SINGLE = RapidState.SINGLE_PULSE | RapidState.HV_SUPPLY | RapidState.COIL_READY
REPLIES = [
    (M200, "3F", Unrecognised()),
    (M200, "40 3F 80", BadData(Command.POWER)),
    (M200, "45 53 67", Conflict(Command.MODE)),
    (M200, "51 89 25", Answer(Command.ENABLE_REMOTE, STANDBY)),
    (M200, "45 89 31", Answer(Command.MODE, STANDBY)),
    (M200, "45 8C 2E", Answer(Command.MODE, READY)),
    (
        BISTIM,
        "4A 89 30 33 30 30 33 30 30 31 30 75",
        Answer(Command.PARAMETERS, STANDBY, numbers=(30, 30, 10)),
    ),
    (
        BISTIM,
        "4A 09 30 33 30 30 33 30 30 31 30 F5",
        Answer(Command.PARAMETERS, LOCAL, numbers=(30, 30, 10)),
    ),
    (BISTIM, "58 09 34 6A", Answer(Command.SYSTEM_MODE, LOCAL, letter="4")),
    (
        M200,
        "4A 89 30 33 30 30 30 30 30 30 30 79",
        Answer(Command.PARAMETERS, STANDBY, numbers=(30, 0, 0)),
    ),
    (
        M200,
        "46 89 32 34 30 32 35 31 02",
        Answer(Command.TEMPERATURE, STANDBY, numbers=(240, 251)),
    ),
    (V9, "78 89 38 00 00 C6", Answer(Command.SYSTEM_STATUS, STANDBY, SINGLE, Extended(0))),
    (V9, "49 89 45 30 30 88", Answer(Command.ERROR_CODE, STANDBY, letter="E", numbers=(0,))),
    (V9, "4E 56 39 2E 30 00 C4", Version("9.0")),
    (V9, V9_TRAIN, Answer(Command.RAPID_PARAMETERS, STANDBY, SINGLE, numbers=(45, 100, 50, 50, 5))),
]


def frame_of(reply: Reply, dialect: Dialect) -> bytes:
    return reply.frame(dialect) if isinstance(reply, Answer) else reply.frame


def decoded(dialect: Dialect, *chunks: bytes) -> list[Reply | ProtocolError]:
    """What a decoder makes of these bytes, its complaints among it."""
    decoder = ReplyDecoder(dialect)
    found: list[Reply | ProtocolError] = []
    for chunk in chunks:
        decoder.feed(chunk)
        while True:
            try:
                taken = decoder.next_reply()
            except ProtocolError as error:
                found.append(error)
                continue
            if taken is None:
                break
            found.append(taken[1])
    return found


@pytest.mark.parametrize(("dialect", "text", "request_"), REQUESTS)
def test_every_worked_request_is_what_the_host_says_and_what_the_unit_hears(
    dialect: Dialect, text: str, request_: Request
) -> None:
    assert request_.frame.hex(" ").upper() == text
    decoder = RequestDecoder(dialect)
    decoder.feed(bytes.fromhex(text))
    assert decoder.next_request() == request_
    assert not decoder.waiting


@pytest.mark.parametrize(("dialect", "text", "reply"), REPLIES)
def test_every_worked_reply_is_what_the_unit_says_and_what_the_host_hears(
    dialect: Dialect, text: str, reply: Reply
) -> None:
    assert frame_of(reply, dialect).hex(" ").upper() == text
    assert decoded(dialect, bytes.fromhex(text)) == [reply]


def test_the_captured_status_bytes_mean_what_the_reference_says() -> None:
    assert (STANDBY, LOCAL, READY) == (0x89, 0x09, 0x8C)
    assert Instrument(0x8A) == Instrument.REMOTE | Instrument.COIL | Instrument.ARMED
    assert [Instrument(byte).armed for byte in (0x89, 0x8A, 0x8C)] == [False, True, True]
    assert Extended(0x04) == Extended.CHARGE_DELAY
    assert RapidState(0x06) == RapidState.TRAIN | RapidState.WAIT


LENGTHS = {
    (M200, Command.PARAMETERS): 12,
    (BISTIM, Command.PARAMETERS): 12,
    (M200, Command.TEMPERATURE): 9,
    (BISTIM, Command.SYSTEM_MODE): 4,
    (V5, Command.RAPID_PARAMETERS): 21,
    (V7, Command.RAPID_PARAMETERS): 22,
    (V9, Command.RAPID_PARAMETERS): 24,
    (V10, Command.RAPID_PARAMETERS): 24,
    (V5, Command.FREQUENCY): 4,
    (V9, Command.PULSES): 4,
    (V9, Command.DURATION): 4,
    (V9, Command.ENHANCED_POWER_ON): 4,
    (V9, Command.IGNORE_INTERLOCK): 3,
    (V9, Command.POWER): 3,
    (V9, Command.ERROR_CODE): 6,
    (V9, Command.SYSTEM_STATUS): 6,
    (V9, Command.SET_CHARGE_DELAY): 4,
    (V10, Command.SET_CHARGE_DELAY): 6,
    (V9, Command.GET_CHARGE_DELAY): 7,
    (V10, Command.GET_CHARGE_DELAY): 8,
}


def test_replies_are_as_long_as_the_table_says_for_each_version() -> None:
    found = {key: key[0].reply_length(key[1]) for key in LENGTHS}
    assert found == LENGTHS


def test_requests_are_as_long_as_the_table_says_for_each_version() -> None:
    """Letter, data and checksum."""
    assert len(enable_remote(V9, CODE).frame) == 18
    assert len(number(V7, Command.PULSES, 50).frame) == 6
    assert len(number(V7, Command.DURATION, 50).frame) == 5
    assert len(number(V9, Command.SET_CHARGE_DELAY, 2000).frame) == 6
    assert len(number(V10, Command.SET_CHARGE_DELAY, 10_000).frame) == 7


def test_which_unit_knows_which_command() -> None:
    known = {dialect: "".join(c for c in Command if dialect.knows(c)) for dialect in DIALECTS}
    assert known == {
        M200: "QR@EJF",
        BISTIM: "QR@ACYZEJFX",
        V5: "QR@EFN\\BD[^_bI",
        V7: "QR@EFN\\BD[^_bI",
        V9: "QR@EFN\\BD[^_bIxno",
        V10: "QR@EFN\\BD[^_bIxno",
    }


@pytest.mark.parametrize(
    ("dialect", "text"),
    [
        (V5, "30 34 35 30 31 30 30 30 30 35 30 30 35 30 30 30 35"),
        (V7, "30 34 35 30 31 30 30 30 30 35 30 30 35 30 30 30 30 35"),
    ],
)
def test_the_parameters_of_older_software_are_read_by_their_own_widths(
    dialect: Dialect, text: str
) -> None:
    body = b"\\" + bytes((0x89, 0x30)) + bytes.fromhex(text)
    (answer,) = decoded(dialect, body + bytes((checksum(body),)))
    assert isinstance(answer, Answer)
    assert TrainParameters.of(answer) == TrainParameters(45, 100, 50, 50, 5)
    assert len(body) + 1 == dialect.reply_length(Command.RAPID_PARAMETERS)


@pytest.mark.parametrize("text", ["9.0", "5.1", "10.2.1", "7"])
def test_a_version_is_cut_at_its_zero_byte_whatever_its_length(text: str) -> None:
    assert decoded(V9, Version(text).frame + b"?") == [Version(text), Unrecognised()]
    assert Version(text).major == int(text.partition(".")[0])


# Numbers and forms --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "value"),
    [
        (Command.POWER, -1),
        (Command.POWER, 1000),
        (Command.FREQUENCY, 10_000),
        (Command.PULSES, 100_000),
    ],
)
def test_a_number_that_does_not_fit_its_digits_is_not_said(command: Command, value: int) -> None:
    with pytest.raises(ValueError, match="takes 0 to"):
        number(V9, command, value)


@pytest.mark.parametrize(
    "answer",
    [
        Answer(Command.PARAMETERS, STANDBY, numbers=(30, 0)),
        Answer(Command.PARAMETERS, STANDBY, numbers=(30, 0, 0, 0)),
        Answer(Command.PARAMETERS, STANDBY, numbers=(1000, 0, 0)),
        Answer(Command.FREQUENCY, STANDBY),
    ],
)
def test_an_answer_that_does_not_fit_its_reply_is_not_said(answer: Answer) -> None:
    with pytest.raises(ValueError, match=r"fit|many|another"):
        answer.frame(V9)


def test_only_a_rapid_has_a_version() -> None:
    with pytest.raises(ValueError, match="does not have"):
        Dialect(Family.RAPID)
    with pytest.raises(ValueError, match="does not have"):
        Dialect(Family.BISTIM, 9)


# The secret ---------------------------------------------------------------------------------


def test_the_worked_unlock_request_has_its_checksum() -> None:
    assert enable_remote(V9, CODE).frame == b"Q1a2b-3c4d5e6f-70" + bytes.fromhex("63")


def test_an_unlock_code_shows_itself_nowhere() -> None:
    """Checksum included: it is eight bits of the code."""
    request = enable_remote(V9, CODE)
    assert request.shown == b"Q" + b"*" * 17
    for shown in (repr(request), str(request), f"{request}", repr(CODE), f"{CODE}", repr([CODE])):
        assert "1a2b" not in shown
        assert "70" not in shown
    assert (FIRE.shown, FIRE.secret, request.secret) == (FIRE.frame, False, True)


@pytest.mark.parametrize(
    "text", ["", "1a2b-3c4d5e6f-70c", "1a2b3c4d5e6f70", "1a2g-3c4d5e6f-70", "1a2b-3c4d5e6f-7"]
)
def test_a_mistyped_code_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match="leave it out") as caught:
        UnlockCode(text)
    assert not text or text not in str(caught.value)


def test_a_code_goes_only_to_software_that_wants_one() -> None:
    for dialect in (M200, BISTIM, V7):
        with pytest.raises(ValueError, match="takes no unlock code"):
            enable_remote(dialect, CODE)
    with pytest.raises(ValueError, match="wants an unlock code"):
        enable_remote(V9)


codes = st.from_regex(r"[0-9a-f]{4}-[0-9a-f]{8}-[0-9a-f]{2}", fullmatch=True)


@given(codes, st.integers(1, 18), st.binary(max_size=6))
def test_a_wrong_cable_that_echoes_the_code_shows_none_of_it(
    text: str, size: int, noise: bytes
) -> None:
    """However the echo is chopped: not in an error, nor in the bytes that it keeps."""
    frame = enable_remote(V9, UnlockCode(text)).frame
    decoder = ReplyDecoder(V9)
    decoder.code_was_sent = True
    decoder.awaited = {Command.ENABLE_REMOTE}
    said: list[str] = []
    kept = b""
    for at in range(0, len(frame), size):
        decoder.feed(noise + frame[at : at + size])
        for _ in range(40):
            try:
                if decoder.next_reply() is None:
                    break
            except ProtocolError as error:
                said.append(str(error))
                kept += error.raw
        kept += decoder.drop_start()
    kept += decoder.clear()
    assert not set(b"0123456789abcdefABCDEF-") & set(kept)
    assert b"*" in kept
    for words in said:
        pieces = [text[at : at + 4] for at in range(13)]
        assert not any(piece in words for piece in pieces)
        pairs = [text[at : at + 2].encode().hex(" ").upper() for at in range(15)]
        assert not any(pair in words for pair in pairs)


# Any bytes ----------------------------------------------------------------------------------

statuses = st.integers(0, 255).filter(lambda byte: byte not in {0x3F, 0x53}).map(Instrument)


@st.composite
def replies(draw: st.DrawFn, dialect: Dialect) -> Reply:
    command = draw(st.sampled_from([one for one in Command if dialect.knows(one)]))
    match draw(st.integers(0, 5)):
        case 0:
            return Unrecognised()
        case 1:
            return BadData(command)
        case 2:
            return Conflict(command)
    if command is Command.VERSION:
        return Version(draw(st.from_regex(r"[1-9][0-9]?\.[0-9]{1,2}", fullmatch=True)))
    parts = dialect.reply_parts(command)
    return Answer(
        command,
        draw(statuses),
        RapidState(draw(st.integers(0, 255))) if Part.RAPID in parts else None,
        Extended(draw(st.integers(0, 255))) if Part.EXTENDED in parts else None,
        draw(st.sampled_from("01234QRSTUCE")) if Part.LETTER in parts else "",
        tuple(draw(st.integers(0, 10**part - 1)) for part in parts if isinstance(part, int)),
    )


def chopped(data: st.DataObject, stream: bytes) -> list[bytes]:
    chunks = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        chunks.append(stream[:size])
        stream = stream[size:]
    return chunks


@given(st.sampled_from(DIALECTS), st.data())
def test_replies_survive_any_chopping_of_the_stream(dialect: Dialect, data: st.DataObject) -> None:
    sent = data.draw(st.lists(replies(dialect), max_size=6))
    stream = b"".join(frame_of(reply, dialect) for reply in sent)
    assert decoded(dialect, *chopped(data, stream)) == sent


@given(st.sampled_from(DIALECTS), st.data())
def test_requests_survive_any_chopping_of_the_stream(dialect: Dialect, data: st.DataObject) -> None:
    known = [one for one in Command if dialect.knows(one)]
    sent = [
        Request(one, data.draw(st.binary(min_size=n, max_size=n)))
        for one in data.draw(st.lists(st.sampled_from(known), max_size=6))
        for n in [dialect.data_length(one)]
    ]
    decoder, heard = RequestDecoder(dialect), []
    for chunk in chopped(data, b"".join(one.frame for one in sent)):
        decoder.feed(chunk)
        while (request := decoder.next_request()) is not None:
            heard.append(request)
    assert heard == sent


@given(st.sampled_from(DIALECTS), st.binary(max_size=60), st.data())
def test_noise_is_named_and_never_loses_the_reply_behind_it(
    dialect: Dialect, noise: bytes, data: st.DataObject
) -> None:
    """With the deadline's help: a letter in noise may announce more than ever comes."""
    reply = data.draw(replies(dialect))
    frame = frame_of(reply, dialect)
    decoder, at = ReplyDecoder(dialect), 0
    decoder.feed(noise + frame)
    end = len(noise) + len(frame)
    while at < len(noise):
        before = decoder.waiting
        try:
            taken = decoder.next_reply()
        except ProtocolError as error:
            at += max(1, len(error.raw))
            continue
        if taken is not None:
            at += len(taken[0])
        else:
            assert before
            at += len(decoder.drop_start())
    if at == len(noise):
        assert decoder.next_reply() == (frame, reply)
    else:
        assert at <= end  # noise and the reply's beginning happened to be a checked reply


def test_a_letter_in_noise_does_not_swallow_the_replies_behind_it() -> None:
    """`J` announces twelve bytes; nine of them are three good replies."""
    good = bytes.fromhex("51 89 25 45 89 31 45 8C 2E")
    found = decoded(M200, b"J\x01\x02" + good)
    assert [type(one) for one in found] == [ProtocolError, ProtocolError, Answer, Answer, Answer]


@given(st.sampled_from(DIALECTS), st.data())
def test_a_truncated_reply_is_waited_for_and_then_given_up(
    dialect: Dialect, data: st.DataObject
) -> None:
    reply = data.draw(replies(dialect).filter(lambda one: not isinstance(one, Unrecognised)))
    frame = frame_of(reply, dialect)
    decoder = ReplyDecoder(dialect)
    cut = data.draw(st.integers(1, len(frame) - 1))
    decoder.feed(frame[:cut])
    assert decoder.next_reply() is None
    assert decoder.drop_start() == frame[:1]
    decoder.clear()
    decoder.feed(frame)
    assert decoder.next_reply() == (frame, reply)


@given(st.sampled_from(DIALECTS), st.data())
def test_one_wrong_bit_never_passes_as_the_same_command(
    dialect: Dialect, data: st.DataObject
) -> None:
    """The sum catches every single bit; a changed letter has another length or is not awaited."""
    reply = data.draw(replies(dialect).filter(lambda one: isinstance(one, Answer)))
    assert isinstance(reply, Answer)
    frame = bytearray(reply.frame(dialect))
    bit = data.draw(st.integers(8, 8 * len(frame) - 1))
    frame[bit // 8] ^= 1 << bit % 8
    decoder = ReplyDecoder(dialect)
    decoder.awaited = {reply.command}
    decoder.feed(bytes(frame))
    try:
        taken = decoder.next_reply()
    except ProtocolError:
        return
    assert taken is None


@given(st.binary(max_size=200), st.sampled_from(DIALECTS))
def test_a_unit_answers_any_bytes_with_something_that_ends(data: bytes, dialect: Dialect) -> None:
    decoder = RequestDecoder(dialect)
    decoder.feed(data)
    found = 0
    while (one := decoder.next_request()) is not None:
        found += 1
        assert isinstance(one, Request | Malformed)
    assert found <= len(data)


def test_a_carriage_return_and_a_wrong_checksum_are_told_apart() -> None:
    decoder = RequestDecoder(M200)
    decoder.feed(b"\r" + b"@050+" + b"J@\x75")
    assert decoder.next_request() == Malformed(None)
    assert decoder.next_request() == Malformed(Command.POWER)
    assert decoder.next_request() == Request(Command.PARAMETERS)


def test_a_reply_to_another_command_than_the_awaited_is_noise() -> None:
    decoder = ReplyDecoder(V9)
    decoder.awaited = {Command.MODE}
    decoder.feed(bytes.fromhex("51 89 25 45 89 31"))
    with pytest.raises(ProtocolError, match="51 89 25") as caught:
        decoder.next_reply()
    assert caught.value.raw == bytes.fromhex("51 89 25")
    assert decoder.next_reply() == (bytes.fromhex("45 89 31"), Answer(Command.MODE, STANDBY))


def test_a_decoder_that_nobody_empties_keeps_the_newest_bytes() -> None:
    decoder = ReplyDecoder(M200)
    decoder.feed(b"\x00" * (MAX_BUFFERED + 10) + bytes.fromhex("51 89 25"))
    with pytest.raises(ProtocolError) as caught:
        decoder.next_reply()
    assert len(caught.value.raw) == MAX_BUFFERED - 3
    assert decoder.next_reply() is not None


@pytest.mark.parametrize("body", [b"NVx.1\x00", b"N9.0\x00\x00", b"NV9.0" + b"1" * 30])
def test_a_version_that_is_none_is_an_error(body: bytes) -> None:
    found = decoded(V9, body + bytes((checksum(body),)))
    assert isinstance(found[0], ProtocolError)
    assert not any(isinstance(one, Version) for one in found)


def test_letters_where_digits_must_be_are_an_error() -> None:
    body = b"J\x890x0000000"
    assert isinstance(decoded(M200, body + bytes((checksum(body),)))[0], ProtocolError)
