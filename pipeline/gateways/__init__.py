"""What recorders and telephone platforms send: bytes in, events of one small vocabulary out.

Files: ``events`` the vocabulary, and why a connection ends · ``business`` how a call came about ·
``audiosocket`` Asterisk's ·
``timeline`` pieces in any order to chunks · ``pace`` what the clock says of them ·
``resampling`` of faster audio ·
``twilio`` Twilio's and Telnyx's · ``audiohook`` Genesys's, ``http_signatures`` how it signs ·
``lone_keys`` which keys mean something ·
``consent_keys`` a key as evidence ·
``g711`` telephone audio to samples and back · ``door`` records of the topic by which calls come in.

Pure: no input or output, no clock. Not here: sockets and limits (``agents.app.gateway``), what
a call's consent means (``consent``). Test: ``tests/pipeline/gateways``.
"""
