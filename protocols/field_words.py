"""The fields of what is signed in words, with units and what they are about.

Values have no place here; a field that is missing is shown under its own name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Topic(StrEnum):
    """What a field is about, in the order in which a physician wants to see differences."""

    DOSE = "dose"
    PATTERN = "pattern"
    LIMITS = "limits"
    COURSE = "course"
    PLACE = "place"
    NAME = "name"
    RULES = "rules"
    OTHER = "other"
    RECORD = "record"
    """Uids and versions, which differ in every version."""

    @property
    def rank(self) -> int:
        """0 for the dose to 8 for the record."""
        return list(Topic).index(self)


@dataclass(frozen=True, slots=True)
class FieldWords:
    """A field in words.

    Attributes:
        words: What it is called.
        unit: The unit of its value, "" for a plain count or a text.
        topic: What it is about.
    """

    words: str
    unit: str
    topic: Topic


def _words(topic: Topic, **fields: tuple[str, str]) -> dict[str, FieldWords]:
    return {name: FieldWords(words, unit, topic) for name, (words, unit) in fields.items()}


FIELD_WORDS: dict[str, FieldWords] = {
    **_words(
        Topic.DOSE,
        intensity_pct_mso=("intensity", "%MSO"),
        prescribed_pct_mt=("prescribed percentage of the threshold", "%"),
        pct_mt=("percentage of the threshold as measured", "%"),
        threshold_pct_mso=("threshold", "%MSO"),
        threshold_kind=("kind of threshold", ""),
        value_pct_mso=("threshold named", "%MSO"),
        step_pct_mso=("device step", "%MSO"),
        lowest_pct_mso=("lowest intensity for the technician", "%MSO"),
        highest_pct_mso=("highest intensity for the technician", "%MSO"),
        target_depth_mm=("depth of the target", "mm"),
        motor_depth_mm=("depth of the motor cortex", "mm"),
        gradient_pct_mso_per_mm=("output per depth", "%MSO/mm"),
        cap_pct_mt=("cap of the depth adjustment", "%"),
        lowest_pct_mt=("lowest percentage in the first sessions", "%"),
        depth=("adjustment for depth", ""),
        first_sessions=("ramp across the first days", ""),
        band=("re-measure band", ""),
        ramp=("ramp of the first trains", ""),
    ),
    "first_sessions.sessions": FieldWords("first sessions with a ramp", "", Topic.DOSE),
    "band.plus_minus_pct_mso": FieldWords("re-measure band, plus or minus", "%MSO", Topic.DOSE),
    "band.highest_pct_mso": FieldWords("re-measure band, highest intensity", "%MSO", Topic.DOSE),
    "ramp.trains": FieldWords("trains of the ramp", "", Topic.DOSE),
    "ramp.start": FieldWords("start of the ramp", "of the intensity", Topic.DOSE),
    "threshold.uid": FieldWords("threshold record", "", Topic.DOSE),
    "threshold.kind": FieldWords("kind of the threshold named", "", Topic.DOSE),
    "threshold.muscle": FieldWords("muscle of the threshold", "", Topic.DOSE),
    "threshold.side": FieldWords("hemisphere of the threshold", "", Topic.DOSE),
    "threshold.coil": FieldWords("coil of the threshold", "", Topic.DOSE),
    "threshold.method": FieldWords("method of the threshold", "", Topic.DOSE),
    "threshold.measured_at": FieldWords("time of the threshold", "", Topic.DOSE),
    **_words(
        Topic.PATTERN,
        rate_hz=("rate", "Hz"),
        bursts=("repetitions in a train", ""),
        trains=("trains", ""),
        changeover_s=("time since the block before", "s"),
        burst=("burst", ""),
        interval=("interval between trains", ""),
    ),
    "burst.pulses": FieldWords("pulses in a burst", "", Topic.PATTERN),
    "burst.rate_hz": FieldWords("rate in a burst", "Hz", Topic.PATTERN),
    "interval.seconds": FieldWords("interval between trains", "s", Topic.PATTERN),
    "interval.convention": FieldWords("meaning of the interval", "", Topic.PATTERN),
    **_words(
        Topic.LIMITS,
        longest_pause_s=("longest pause", "s"),
        latest_host_pulse_us=("latest host-timed pulse", "µs"),
        pre_step=("step before the first pulse", ""),
    ),
    **_words(
        Topic.COURSE,
        most_sessions_a_day=("most sessions on one day", ""),
        least_minutes_between=("least time between sessions", "min"),
        most_pulses_a_day=("most pulses on one day", ""),
        total_sessions=("sessions in all", ""),
        phases=("sessions and stretches of days", ""),
        times=("stretches of days", ""),
        days=("length of a stretch", "days"),
        sessions=("sessions in a stretch", ""),
        indication=("indication", ""),
    ),
    **_words(
        Topic.PLACE,
        target=("target", ""),
        side=("side", ""),
        coil=("coil", ""),
    ),
    **_words(
        Topic.NAME,
        label=("name of the block", ""),
        title=("title", ""),
        protocol_id=("protocol", ""),
    ),
    **_words(
        Topic.RULES,
        time_zone=("time zone", ""),
        single_pulses_only=("threshold finding: single pulses only", ""),
        first_with_physician=("a first threshold only with a physician", ""),
        shortest_interval_s=("threshold finding: shortest time between stimuli", "s"),
        most_stimuli=("threshold finding: most stimuli in a series", ""),
        roles=("threshold finding: who may", ""),
        threshold_prompt_days=("a threshold this old is to be measured again", "days"),
        threshold_prompt_sessions=("a threshold used so often is to be measured again", "sessions"),
        threshold_refuse_days=("a threshold older than this is refused", "days"),
        threshold_refuse_sessions=("a threshold used in so many sessions is refused", "sessions"),
        screening_days=("a screening older than this is refused", "days"),
        pre_session_minutes=("pre-session checks older than this are refused", "min"),
        extra_check_sessions=("first sessions with an extra check", ""),
    ),
    "threshold_finding.highest_pct_mso": FieldWords(
        "threshold finding: highest intensity", "%MSO", Topic.RULES
    ),
    **_words(
        Topic.RECORD,
        tag=("kind of record", ""),
        uid=("uid", ""),
        prescription_uid=("uid of the first version", ""),
        version=("version", ""),
        supersedes=("uid of the version before", ""),
        patient_uid=("patient", ""),
    ),
}
"""The fields by the end of their path; where several match, the longest counts."""
