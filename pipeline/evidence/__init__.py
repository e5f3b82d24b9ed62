"""What is stored with a call, and proves what was done.

In: findings, verified chunks, the verdict. Out: audio, transcript, certificate.

Files: ``stored_call`` puts the files together · ``disclosed_words`` which words may be told,
``turns`` in the order of the talk, ``transcript`` as it is stored · ``mute_totals`` how long for
which reason · ``certificate`` what was muted, by what · ``canonical_json`` the bytes that are
signed · ``certificate_check`` verifies it offline · ``layout`` names of the files ·
``candidates`` what another threshold would have done ·
``vcon`` a call as a vCon · ``redacted_transcript`` the transcript as others get it, ``deepgram`` in
Deepgram's shape.

A new check is a line of the certificate: ``schemas/certificate.v1.json`` and
``docs/certificates.md``. Not here: keys (``agents.crypto``), places (``agents.vault``). Test:
``tests/pipeline/evidence``.
"""
