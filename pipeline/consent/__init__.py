"""Whether a call may be recorded, transcribed and kept: rules of places, evidence, one decision.

In: what a call's metadata says (places, notice, consent) and what is said in it. Out: a
``Decision`` that names rules and evidence; without a satisfied rule nothing of the call is kept.
It is no legal advice: every rule cites its source and says who has to confirm it.

Files, in the order of the data: ``rules`` what a place demands · ``loading`` YAML files to rules ·
``places`` codes of places as people type them · ``metadata`` what a recorder says of a call ·
``hints`` places that the policy and telephone numbers add · ``setting`` what the policy states ·
``spoken`` what is said of the recording becomes evidence · ``decision`` rules and evidence to an
outcome · ``gate`` what was heard waits for it · ``lawful`` the decision as a vCon states it.

Here: what decides. Not here: the records (``pipeline.records.consent``), the stage that holds the
gate (``agents/stages/transcribe.py``), the rules (``policies/jurisdictions``), how words are
understood (``models.consent``). The prompts that are played to callers: ``notices``. A rule of a
place takes a YAML file and a line of ``tests/cases/consent_outcomes.yaml``. Test:
``tests/pipeline/consent``.
"""
