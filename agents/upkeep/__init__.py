"""What time asks for without a record coming in: calls end, keys are replaced, the log is signed.

Files: ``sweep_guard`` every sweep asks it before it destroys · ``retention`` calls whose time is
up · ``erasure`` of a call or a party · ``quarantine`` calls that were not stored ·
``unfinished_calls`` that nobody can finish · ``kek_rotation`` · ``audit_keeper`` signs and prunes
the audit log · ``audit_checkpoints`` outside the database, ``audit_outside`` what is known there
· ``tuning`` of thresholds · ``stored_decisions`` on consent, ``consent_recheck`` by the rules of
today · ``news`` for others.

Each writes an audit event without content. Test: ``tests/agents/upkeep``.
"""
