"""What the checks of a certificate are called, what each asks, and what to do where it failed.

A test compares the names with those that the pipeline gives; one of another version keeps its name
and is told as such.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class CheckWords:
    """A check, for people."""

    title: str
    """What is wrong where it failed; what was asked."""
    todo: str
    """What to do next where it failed."""
    unit: str | None = ""
    """Of what is measured, and of the limit; %: they are shares of 1; empty: a question that is
    answered by yes or no; none: not known."""
    holds: str = ""
    """What holds where it passed."""


_AGAIN: Final = "Have the recorder send the call again while it has it."
_BROKER: Final = (
    "Look at lag and dead letters on the operations page and at how long the broker keeps records; "
    "then have the call sent again."
)
_VERSIONS: Final = (
    "Workers of two versions or policies worked on one call. Let all workers run one version and "
    "one policy; then have the call sent again."
)
_OURS: Final = "A fault of ours: keep the certificate and report it."
_LISTEN: Final = (
    "Look where the call would be silent and mark what is wrong there; the detectors can be tuned "
    "with the marks (hushwire tune --marks)."
)

WORDS: Final[Mapping[str, CheckWords]] = {
    "passed": CheckWords("The call passed its verification", _LISTEN),
    "missing_chunks": CheckWords("Audio that never came", _BROKER, "chunks"),
    "missing_samples": CheckWords("Samples that never came", _BROKER, "samples"),
    "stored_chunks_missing": CheckWords("Redacted audio that never came", _BROKER, "chunks"),
    "stored_samples_missing": CheckWords("Redacted samples that never came", _BROKER, "samples"),
    "findings_missing": CheckWords("Findings that never came", _BROKER, "records"),
    "refused_marks": CheckWords(
        "Marks of earlier stages that keep a call out",
        "hardly_understood: too little of what was said is believable; listen to line quality and "
        "language of the recorder. late_span, findings_missing: something was found, or missing, "
        "too late; look at lag on the operations page.",
        "marks",
    ),
    "energy_in_mutes_dbfs": CheckWords("Loudest 10 ms inside a mute", _OURS, "dBFS"),
    "wrong_fill_samples": CheckWords("Samples of a mute with another fill", _OURS, "samples"),
    "windows_not_heard": CheckWords(
        "Parts that nobody listened to again",
        "A speech engine was away or ran out of time: look at workers and health on the operations "
        "page; then have the call sent again.",
        "windows",
    ),
    "still_found": CheckWords("Sensitive stretches heard in what was redacted", _LISTEN, "found"),
    "keys_still_heard": CheckWords("Key tones heard in what was redacted", _LISTEN, "keys"),
    "neighbourhoods_passed_over": CheckWords(
        "Places beside mutes that the second listening left out",
        "Reported only: raise the policy's verification.max_cost to listen to more.",
        "places",
    ),
    "cost_of_speech": CheckWords(
        "Second listening as a share of speech", "Reported only: it is bounded by the policy.", "%"
    ),
    "one_detection": CheckWords("One version and policy detected all of it", _VERSIONS),
    "other_detections": CheckWords("Findings of another detection", _VERSIONS, "records"),
    "other_policies": CheckWords("Audio that was muted by another policy", _VERSIONS),
    "known_language": CheckWords(
        "The language is known",
        "Name the call's language in its sidecar or header, or let the policy mute what is not "
        "known (language.unknown).",
    ),
    "spans_not_covered": CheckWords("Found, to be muted, and not muted", _OURS, "stretches"),
    "seconds_without_any_word": CheckWords(
        "Speech of which nothing was understood",
        "Listen to line quality and language of the recorder; " + _AGAIN[0].lower() + _AGAIN[1:],
        "s",
    ),
    "every_channel_silent": CheckWords("Every channel is silent", _AGAIN),
    "consent_not_shown": CheckWords(
        "No decision lets it be kept",
        "Look at consent rules and notices: hushwire consent recheck tells what is missing.",
    ),
    "files_missing_or_altered": CheckWords("Files missing or altered", _OURS, "files"),
    "files_not_stated": CheckWords("Files that the certificate does not name", _OURS, "files"),
    "channels_wrong": CheckWords("Another number of channels", _OURS),
    "sample_rate_wrong": CheckWords("Another sample rate", _OURS, "Hz"),
    "audio_unreadable": CheckWords("Audio that can't be read", _OURS),
    "samples_missing": CheckWords("Samples missing", _OURS, "samples"),
    "written_unreadable": CheckWords("The file that was written can't be read", _OURS),
    "written_form_changed": CheckWords("The file has another form", _OURS),
    "samples_changed_outside": CheckWords("Samples changed outside of mutes", _OURS, "samples"),
    "samples_left_inside": CheckWords("Samples left inside of mutes", _OURS, "samples"),
}
"""By the check's name."""
_HOLDS: Final[Mapping[str, str]] = {
    "missing_chunks": "All audio came",
    "missing_samples": "All samples came",
    "stored_chunks_missing": "All redacted audio came",
    "stored_samples_missing": "All redacted samples came",
    "findings_missing": "All findings came",
    "refused_marks": "No mark of an earlier stage keeps it out",
    "energy_in_mutes_dbfs": "Mutes are silent: their loudest 10 ms",
    "wrong_fill_samples": "Mutes hold their fill and nothing else",
    "windows_not_heard": "All of it was listened to again",
    "still_found": "Nothing sensitive is heard in what was redacted",
    "keys_still_heard": "No key tone is heard in what was redacted",
    "other_detections": "All findings are of one detection",
    "other_policies": "All audio was muted by one policy",
    "spans_not_covered": "All that was found to be muted is muted",
    "seconds_without_any_word": "Speech was understood: longest without a word",
    "every_channel_silent": "Some channel holds sound",
    "consent_not_shown": "A decision lets it be kept",
    "files_missing_or_altered": "All files are there, unaltered",
    "files_not_stated": "The certificate names all files",
    "channels_wrong": "The number of channels is as stated",
    "sample_rate_wrong": "The sample rate is as stated",
    "audio_unreadable": "The audio can be read",
    "samples_missing": "The length is as stated",
    "written_unreadable": "The file that was written can be read",
    "written_form_changed": "The file has the form that it came in",
    "samples_changed_outside": "Nothing changed outside of mutes",
    "samples_left_inside": "No sample is left inside of mutes",
}
"""What holds where a check passed, by its name; the others' titles say it."""
_STORED: Final = "stored_"


def words_of(name: str) -> CheckWords:
    """The words of a check; ``stored_…`` is the same question, asked of the stored file."""
    known = WORDS.get(name)
    if known is not None:
        return replace(known, holds=_HOLDS.get(name, known.title))
    asked = name.removeprefix(_STORED)
    if asked in WORDS:
        again, where = words_of(asked), ", in the stored file"
        return replace(again, title=again.title + where, holds=again.holds + where)
    return CheckWords(
        name.replace("_", " ").capitalize(),
        "Another version of Hushwire asked this: look into its documentation.",
        None,
    )
