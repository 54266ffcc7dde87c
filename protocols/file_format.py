"""Reads one protocol file: bytes in, a protocol or the list of all its mistakes out.

No other error leaves this module, whatever the bytes are.
"""

from __future__ import annotations

import tomllib
from fractions import Fraction
from types import MappingProxyType
from typing import TypeVar

from pydantic import ValidationError

from protocols import file_schema as schema
from protocols.course import Course, Phase, PreStep, Regulatory, Source, Span
from protocols.file_checks import contradictions
from protocols.file_mistakes import Mistakes, syntax_mistake
from protocols.pattern import SINGLE_PULSE, Burst, Ramp
from protocols.protocol import DepthAdjustment, Mistake, Protocol, ProtocolBlock, ProtocolFileError
from protocols.schedule import MOST_PULSES

MOST_BYTES = 256 * 1024
"""A shipped file has some 3 kB; this bounds what a wrong one can cost."""
_Number = TypeVar("_Number", int, Fraction)


def parse_protocol(raw: bytes, file: str) -> Protocol:
    """Return the protocol that a file's bytes state.

    Args:
        raw: The whole file.
        file: The name that messages give it.

    Raises:
        ProtocolFileError: Every mistake that could be found.
    """
    text = _decoded(raw, file)
    try:
        values = tomllib.loads(text, parse_float=schema.FloatText)
    except RecursionError:
        raise _error(Mistake(file, 1, "", "brackets are nested too deeply")) from None
    except ValueError as error:  # also for a number of more than 4300 digits
        raise _error(syntax_mistake(file, text, str(error))) from None
    mistakes = Mistakes(file, text)
    table = None
    try:
        table = schema.ProtocolTable.model_validate(values)
    except ValidationError as error:
        mistakes.add_all(error)
    contradictions(values, mistakes)
    if table is None or mistakes:
        raise ProtocolFileError(mistakes.in_order())
    protocol = _protocol(table)
    _check_patterns(protocol, mistakes)
    if mistakes:
        raise ProtocolFileError(mistakes.in_order())
    return protocol


def _error(mistake: Mistake) -> ProtocolFileError:
    return ProtocolFileError((mistake,))


def _decoded(raw: bytes, file: str) -> str:
    if len(raw) > MOST_BYTES:
        allowed = f"at most {MOST_BYTES // 1024} kB"
        raise _error(Mistake(file, None, "", "is too large for a protocol", allowed))
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        wrong = f"byte {raw[error.start]:#04x} is not UTF-8 text"
        raise _error(Mistake(file, line, "", wrong, "a TOML file saved as UTF-8")) from None
    if not text.strip():
        raise _error(Mistake(file, 1, "", "is empty", "a protocol in TOML"))
    return text


def _span(value: _Number | schema.RangeTable[_Number]) -> Span[_Number]:
    if isinstance(value, schema.RangeTable):
        return Span(value.lowest, value.highest, value.default)
    return Span(value, value, value)


def _protocol(table: schema.ProtocolTable) -> Protocol:
    regulatory, pre_step = table.regulatory, table.pre_step
    return Protocol(
        id=table.id,
        name=table.name,
        indication=table.indication,
        regulatory=Regulatory(regulatory.status, regulatory.reference, regulatory.mark),
        sources=tuple(Source(item.citation, item.supports, item.mark) for item in table.sources),
        course=None if table.course is None else _course(table.course),
        pre_step=None
        if pre_step is None
        else PreStep(pre_step.name, pre_step.instruction, pre_step.mark),
        blocks=tuple(map(_block, table.blocks)),
        notes=tuple(table.notes),
        longest_pause_s=table.delivery.longest_pause_s,
        latest_host_pulse_us=table.delivery.latest_host_pulse_us,
    )


def _course(table: schema.CourseTable) -> Course:
    return Course(
        phases=tuple(
            Phase(phase.weeks, phase.sessions_a_week, phase.mark) for phase in table.phases or ()
        ),
        sessions=None if table.sessions is None else _span(table.sessions),
        weeks=None if table.weeks is None else _span(table.weeks),
        days=table.days,
        sessions_a_day=table.sessions_a_day or 1,
        minutes_between=table.minutes_between or 0,
        taper=table.taper or "",
        mark=table.mark,
    )


def _block(table: schema.BlockTable) -> ProtocolBlock:
    interval, ramp, depth = table.interval, table.ramp, table.depth_adjustment
    repeats = table.pulses_per_train or table.bursts_per_train or 1  # file_checks wants one of both
    return ProtocolBlock(
        label=table.label,
        target=table.target,
        side=table.side,
        coils=tuple(table.coils),
        threshold_kind=table.threshold,
        pct_mt=_span(table.pct_mt),
        rate_hz=_span(table.rate_hz),
        burst=SINGLE_PULSE
        if table.burst is None
        else Burst(table.burst.pulses, table.burst.rate_hz),
        repeats=_span(repeats),
        trains=_span(table.trains),
        interval_s=None if interval is None else _span(interval.seconds),
        convention=None if interval is None else interval.convention,
        ramp=None if ramp is None else Ramp(ramp.trains, ramp.start),
        changeover_s=table.changeover_s or Fraction(0),
        depth_adjustment=None
        if depth is None
        else DepthAdjustment(depth.gradient_pct_mso_per_mm, depth.cap_pct_mt),
        marks=MappingProxyType(dict(table.marks)),
    )


def _check_patterns(protocol: Protocol, mistakes: Mistakes) -> None:
    """Add a mistake for each block whose ranges hold values that make no pattern."""
    pulses = 0
    for number, block in enumerate(protocol.blocks):
        try:
            for end in _lowest, _default, _highest:
                interval_s = None if block.interval_s is None else end(block.interval_s)
                pattern = block.pattern(
                    end(block.rate_hz), end(block.repeats), end(block.trains), interval_s
                )
        except ValueError as error:
            mistakes.add(("blocks", number), str(error))
        else:
            pulses += pattern.pulses
    if pulses > MOST_PULSES:
        mistakes.add(("blocks",), f"a session of {pulses} pulses", f"at most {MOST_PULSES:,}")


def _lowest(span: Span[_Number]) -> _Number:
    return span.lowest


def _default(span: Span[_Number]) -> _Number:
    return span.default


def _highest(span: Span[_Number]) -> _Number:
    return span.highest
