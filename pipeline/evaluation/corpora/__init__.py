"""The forms in which a truth comes.

Files: ``labelled_texts`` cases of a few turns, every sensitive stretch marked · ``call_manifest``
recorded calls · ``review_marks`` what reviewers heard · ``entity_aliases`` what types are called
elsewhere. They are described in ``docs/evaluation.md``. Not here: scores (``scoring``).
"""
