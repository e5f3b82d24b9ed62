"""What passes between the stages, and nothing else.

In and out: frozen records; samples are integers, intervals half-open, audio ``int16`` of shape
``(samples, channels)``.

Files: ``model`` the records, in the order of a call · ``stages`` which they pass · ``consent``
places, evidence and the decision on a call · ``entities`` the types · ``intervals`` their algebra ·
``checksums`` of numbers that are written down · ``scores`` what recognises, and how sure ·
``continuity`` one detection without a hole · ``call_names`` and ``pseudonyms`` who, without saying
so · ``avro_codec``, ``cloudevents`` and ``schemas`` the wire.

Here: a field of a record, an entity type, interval arithmetic. Not here: anything that decides. A
change of a wire record needs a new version in ``schemas`` and bytes of it in the tests. Test:
``tests/pipeline/records``.
"""
