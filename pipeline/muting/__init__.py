"""From spans to silence; nothing is released too early.

In: chunks and spans. Out: redacted chunks below the watermark, and their mutes.

Files: ``padding`` a span, moved outward to where it is quiet · ``crosstalk`` mirrored where the
other channel carries the voice · ``keys`` that were pressed, and their echo · ``merging`` cuts to
mutes · ``rendering`` exact inside, a ramp outside, every other sample untouched · ``muter`` the
state of a call · ``output_format`` the file of one recording, and the proof that it holds that.

Here: how far and how a mute reaches. Not here: what is sensitive (``detection``): neither imports
the other. Test: ``tests/pipeline/muting``.
"""
