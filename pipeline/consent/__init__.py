"""Whether a call may be recorded, transcribed and kept: rules of places, evidence, one decision.

In: what a call's metadata says (places, notice, consent) and what is said in its opening. Out: a
``Decision`` that names the rules and the evidence; without a satisfied rule nothing of the call is
kept. Nothing here is legal advice; every rule cites its source and says who has to confirm it.

In order: ``model`` (places, evidence, decision) → ``rules`` (what a place demands, and what two
demand together) → ``loading`` (YAML files to rules) → ``decision`` (rule and evidence to an
outcome) → ``spoken`` (what is said in the opening becomes evidence).

Put here: what decides. Not here: the gate that acts on it (``agents/stages/transcribe``), rules
themselves (``policies/jurisdictions``), texts of notices (``policies/notices``), how words are
understood (``models/consent``).

To test: ``tests/unit/test_consent_*.py``; each place against each evidence is one table.
"""
