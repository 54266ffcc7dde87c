"""Lays out what `protocols list` and `protocols show` print on a terminal of 80 columns.

The facts come from `protocol_facts` and the drawings from `drawing`; nothing is computed here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from protocols.exact import clock_text, decimal_text
from protocols.limits import Finding, Level
from protocols.protocol import ChosenBlock, Protocol, ProtocolBlock, ProtocolFileError
from protocols.schedule import SessionSchedule, block_duty
from protocols.terms import RegulatoryStatus
from tms_console.commands import protocol_facts as facts
from tms_console.commands.drawing import (
    ASCII,
    UNICODE,
    Drawing,
    Glyphs,
    draw_burst,
    draw_session,
    draw_train,
)

_WIDEST = 100
_LEVEL_STYLE: Mapping[Level, str] = {
    Level.NOTE: "cyan",
    Level.CAUTION: "yellow",
    Level.OVERRIDE: "bold magenta",
    Level.BLOCK: "bold white on red",
}
_STATUS_STYLE: Mapping[RegulatoryStatus, str] = {
    RegulatoryStatus.CLEARED: "green",
    RegulatoryStatus.OFF_LABEL: "yellow",
    RegulatoryStatus.RESEARCH: "magenta",
    RegulatoryStatus.NOT_STATED: "default",
}


def list_page(protocols: Iterable[Protocol]) -> RenderableType:
    """Return the table of protocols."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    table.add_column("protocol", overflow="fold", ratio=1)
    table.add_column("dose", no_wrap=True)
    table.add_column("pulses", justify="right", no_wrap=True)
    table.add_column("length", justify="right", no_wrap=True)
    table.add_column("standing", no_wrap=True)
    for protocol in protocols:
        schedule = protocol.fix().schedule()
        doses = dict.fromkeys(facts.dose_text(block) for block in protocol.blocks)
        status = protocol.regulatory.status
        table.add_row(
            Text.assemble((protocol.id, "bold cyan"), "\n", (protocol.name, "dim")),
            "\n".join(doses),
            facts.spread(*facts.pulses_span(protocol)),
            clock_text(schedule.duration_s),
            Text(status, style=_STATUS_STYLE[status]),
        )
    legend = Text(
        "Length: first to last pulse in minutes at the defaults. Standing: what the cited sources "
        "say; this program is not a cleared medical device.",
        style="dim",
    )
    return Group(table, Text(), legend)


def show_page(protocol: Protocol, result: facts.Reviewed, console: Console) -> RenderableType:
    """Return everything about one protocol."""
    glyphs = UNICODE if console.encoding.lower().startswith("utf") else ASCII
    width = min(console.width, _WIDEST)
    fixed = protocol.fix()
    schedule = fixed.schedule()
    parts: list[RenderableType] = [*_heading(protocol)]
    pairs = list(zip(protocol.blocks, fixed.blocks, strict=True))
    for number, (block, chosen) in enumerate(pairs, 1):
        title = "ONE TRAIN" if len(pairs) == 1 else f"BLOCK {number}: {block.label}, ONE TRAIN"
        length = decimal_text(chosen.pattern.train.duration_s, 3)
        parts += _section(title, f"{facts.train_text(chosen)}, {length} s first to last pulse")
        parts += _train(chosen, width, glyphs)
        parts.append(_indented(_block_table(number, block, chosen, result)))
    parts += _session(schedule, width, glyphs)
    parts.append(_indented(_session_table(protocol)))
    parts += _findings(result)
    return Padding(Group(*parts), (0, max(0, console.width - width), 0, 0))


def refusal_page(sentence: str) -> RenderableType:
    """Return a refusal."""
    return Text(sentence, style="red")


def mistakes_page(error: ProtocolFileError) -> RenderableType:
    """Return the mistakes of a protocol file, each with its place."""
    parts: list[RenderableType] = []
    for mistake in error.mistakes:
        place = mistake.file if mistake.line is None else f"{mistake.file}, line {mistake.line}"
        parts.append(Text.assemble((place, "bold"), "  ", (mistake.field, "cyan")))
        parts.append(_indented(Text(mistake.wrong, style="red")))
        if mistake.allowed:
            parts.append(_indented(Text(f"allowed: {mistake.allowed}")))
    count = len(error.mistakes)
    parts.append(Text(f"{count} mistake{'s' if count > 1 else ''}; not usable.", style="bold"))
    return Group(*parts)


def _heading(protocol: Protocol) -> Iterator[RenderableType]:
    standing = protocol.regulatory
    yield Text.assemble((protocol.id, "bold cyan"), "  ", (protocol.name, "bold"))
    yield Text(f"For {protocol.indication}.")
    yield Text.assemble(
        "Standing: ",
        (standing.status, _STATUS_STYLE[standing.status]),
        f", {standing.reference} [{standing.mark}].",
    )
    yield from (Text(note, style="italic") for note in protocol.notes)


def _section(title: str, subtitle: str) -> Iterator[RenderableType]:
    yield Text()
    yield Text.assemble((title, "bold"), "  ", (subtitle, "dim"))


def _train(chosen: ChosenBlock, width: int, glyphs: Glyphs) -> Iterator[RenderableType]:
    train = chosen.pattern.train
    yield from _drawn(draw_train(train, width - 4, glyphs))
    if train.burst.rate_hz is not None:
        yield Text()
        length = decimal_text(train.burst.duration_s * 1000, 3)
        yield _indented(Text(f"one burst to scale, {length} ms", style="dim"))
        yield from _drawn(draw_burst(train, (width - 4) // 2, glyphs))


def _drawn(drawing: Drawing) -> Iterator[RenderableType]:
    yield from (_indented(Text(line, style="cyan", no_wrap=True)) for line in drawing.marks)
    yield from (_indented(Text(line, style="dim", no_wrap=True)) for line in drawing.axis)
    if drawing.remark:
        yield _indented(Text(f"({drawing.remark})", style="dim"))


def _session(schedule: SessionSchedule, width: int, glyphs: Glyphs) -> Iterator[RenderableType]:
    count = len(schedule.trains)
    yield from _section(
        "THE SESSION",
        f"{schedule.pulses:,} pulses in {count} train{'s' if count > 1 else ''}, "
        f"{clock_text(schedule.duration_s, 2)} ({decimal_text(schedule.duration_s, 2)} s) "
        "first to last pulse",
    )
    yield from _drawn(draw_session(schedule, width - 4, glyphs))


def _indented(content: RenderableType) -> RenderableType:
    return Padding(content, (0, 0, 0, 2))


def _facts_table() -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True, width=9)
    table.add_column(overflow="fold")
    return table


def _block_table(
    number: int, block: ProtocolBlock, chosen: ChosenBlock, result: facts.Reviewed
) -> Table:
    table = _facts_table()
    table.add_row()
    table.add_row("target", f"{block.target}; {' or '.join(block.coils)} coil")
    dose = f"{block.pct_mt} % of the {block.threshold_kind} threshold"
    if not block.pct_mt.fixed:
        dose += f", {decimal_text(chosen.pct_mt)} % in a rehearsal"
    if result.content is not None:
        fixed = result.content.blocks[number - 1]
        dose += (
            f"; at {fixed.threshold_pct_mso} %MSO: {fixed.intensity_pct_mso} %MSO, "
            f"effectively {decimal_text(fixed.effective_pct_mt)} %"
        )
    table.add_row("dose", dose)
    if block.depth_adjustment is not None:
        depth = block.depth_adjustment
        table.add_row(
            "depth",
            f"threshold adjusted by {decimal_text(depth.gradient_pct_mso_per_mm)} %MSO/mm, at most "
            f"{decimal_text(depth.cap_pct_mt)} % of the measured one; not in a rehearsal",
        )
    if chosen.changeover_s:
        table.add_row(
            "begins",
            f"{decimal_text(chosen.changeover_s)} s after the block before; the coil is moved",
        )
    table.add_row("interval", facts.interval_text(chosen))
    if block.interval_s is not None and not block.interval_s.fixed:
        table.add_row("", f"{block.interval_s} s may be prescribed")
    if not block.repeats.fixed:
        table.add_row("pulses", f"{block.repeats} in the train may be prescribed")
    if block.ramp is not None:
        start = facts.percentage(block.ramp.start)
        table.add_row("ramp", f"from {start} to 100 % over {block.ramp.trains} trains")
    table.add_row("duty", f"{facts.percentage(block_duty(chosen.pattern))} of each period")
    table.add_row("printed", facts.printed_text(chosen))
    table.add_row("checked", facts.marks_text(block))
    return table


def _session_table(protocol: Protocol) -> Table:
    table = _facts_table()
    table.add_row()
    if protocol.pre_step is not None:
        table.add_row("before", f"{protocol.pre_step.name} (mandatory)")
        table.add_row("", protocol.pre_step.instruction)
    table.add_row("course", facts.course_text(protocol))
    for position, source in enumerate(protocol.sources):
        told = f"{source.citation}: {source.supports} [{source.mark}]"
        table.add_row("" if position else "sources", Text(told))
    return table


def _findings(result: facts.Reviewed) -> Iterator[RenderableType]:
    yield from _section("FINDINGS", "at the defaults, against the published limits")
    if not result.findings:
        yield _indented(Text("none"))
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, width=9)
    table.add_column(overflow="fold")
    for finding in result.findings:
        table.add_row(Text(finding.level, style=_LEVEL_STYLE[finding.level]), _told(finding))
    yield _indented(table)
    statuses = dict.fromkeys(f.checking for f in result.findings if f.reference)
    for status in statuses:
        yield _indented(Text(f"Checking status: {status}.", style="dim"))


def _told(finding: Finding) -> Text:
    block = "" if finding.block is None else f"block {finding.block}: "
    text = Text(block + finding.sentence)
    if finding.reference:
        text.append(f" ({finding.reference})", style="dim")
    return text
