"""The redacted audio as a stranger would check it: by measuring, and by listening again.

In: redacted chunks, what is heard in them. Out: verified chunks and a verdict.

Files: ``verifier`` the stage's core · ``review_state`` one call: measured, asked, found, released
· ``planning`` what is listened to again, within a budget · ``residual_sound`` what sounds beside a
muted number · ``left_keys`` keys that are still heard · ``findings`` from what is still heard to
further mutes.

Not here: how words are judged (``models.detection.residual_check``). Test:
``tests/pipeline/verification``.
"""
