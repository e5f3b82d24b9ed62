"""What foreign records say of consent: refused where it contradicts itself or may name somebody."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.errors import RecordError
from pipeline.records.avro_codec import from_form, to_form
from pipeline.records.consent import Answer, Consent, Evidence, Kind
from pipeline.records.model import CallInfo
from tests.pipeline.records.wire_samples import SAMPLES

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "consent",
    [
        Consent(evidence=(Evidence(Kind.NOTICE_PLAYED, answer=Answer.YES),)),
        Consent(evidence=(Evidence(Kind.KEY),)),
        Consent(evidence=(Evidence(Kind.API, answer=Answer.NO, certainty=1.5),)),
        Consent(evidence=(Evidence(Kind.API, answer=Answer.NO, reference="4111111111111111"),)),
        Consent(campaign="4155550100"),
        Consent(campaign="jane@example.org"),
        Consent(places=("California",)),
        Consent(places=tuple("US" for _ in range(17))),
    ],
)
def test_a_record_that_says_too_much_or_too_little_is_refused(consent: Consent) -> None:
    sample = SAMPLES["AudioChunk"]
    call = sample.call
    assert isinstance(call, CallInfo)
    name, form, audio = to_form(replace(sample, call=replace(call, consent=consent)))
    with pytest.raises(RecordError):
        from_form(name, form, audio)
