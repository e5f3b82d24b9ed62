"""Detection in one call: windows in, findings and watermark out; fail-closed.

Files: ``detector`` set up once for a process · ``call_detector`` one call · ``turn_reader`` what
the encoder holds of its words, and what forms tell · ``allow_list`` values that the policy leaves
audible · ``residual_check`` a look at words heard in redacted audio.

Not here: what decides from this (``pipeline.detection.decision``). Test:
``tests/models/detection``; with the models ``tests/models/loaded``.
"""
