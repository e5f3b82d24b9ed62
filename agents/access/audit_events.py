"""Every kind of event that the audit log may hold: a new kind begins with a line here.

An event of a kind that is not listed is refused before it is written, so the list is complete by
construction. ``hushwire audit kinds`` prints it; docs/certificates.md shows the same table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

KINDS: Final[Mapping[str, str]] = {
    "call-closed": "A call was stored, and its transit key is destroyed next; or quarantined, and "
    "the key lives on. `state`, `certificate`: the file's sha256",
    "call-refused": "A stage could not work on a call: nothing is stored, its key is destroyed "
    "next. `stage`, `code`, `state`",
    "call-admitted-in-clear": "A call was let in whose records lie in clear on the broker, since "
    "the policy allows it. `stage`; `at` is when the call was opened",
    "call-forgotten": "A call that an interrupted `hushwire run` left open is forgotten, its key "
    "is destroyed next: its broker is gone, and it may be sent anew. `opened`, `owner`: when and "
    "by whom",
    "call-expired": "A call was open for longer than the broker keeps its records: it is refused, "
    "its key is destroyed next. `opened`, `owner`",
    "quarantine-ended": "The transit key of a quarantined call is destroyed. `why`: its time was "
    "up, or somebody ended it, `by`",
    "record-replayed": "A dead letter was sent again. `record_topic`, `record_partition`, "
    "`record_offset`, `stage`, `code`, `by`",
    "call-erased": "Keys, files and catalogue entry of a stored call are destroyed. `why`: "
    "retention, a request, a person's request, or consent",
    "erasure-held": "A call was to be erased, and a legal hold keeps it. `why`: a request, a "
    "person's request, or consent",
    "consent-rechecked": "The rules and the policy in force would not keep a stored call, or not "
    "all of it: it is flagged, or erased next. `does`, `consent`, `consent_why`, `consent_rules`: "
    "what would be kept, why, and by which rules, `policy`, `day`, `by`",
    "consent-cleared": "They would keep a call again that was flagged: it is not flagged any more. "
    "`policy`, `day`, `by`",
    "call-exported": "A stored call was written out in clear. `by`, `certificate`",
    "calls-listed": "Somebody listed stored calls on the command line. `by`, `calls`: how many",
    "calls-queried": "Somebody asked a query over the facts of stored calls on the command line. "
    "`by`, `rows`: how many it may give, `query`: its sha256",
    "hold-added": "A legal hold keeps a call from being erased. `by`",
    "hold-removed": "The legal hold is gone. `by`",
    "mark-added": "A reviewer marked a missed or a wrong place in a call. `mark`: its id, `kind`, "
    "`entity`, `by`",
    "mark-removed": "The mark was taken back. `mark`, `kind`, `entity`, `by`",
    "marks-listed": "Somebody listed marks on the command line. `by`, `marks`: how many",
    "looked": "Somebody was shown something through the console or API. `who`, `what`",
    "denied": "Somebody who is known asked for what their roles do not allow. `who`, `what`",
    "login-refused": "A token let nobody in. `origin`, `reason`",
    "token-created": "An API token was made. `token`: its public id, `role`, `expires`, `by`",
    "token-revoked": "An API token was revoked. `token`, `role`, `by`",
    "session-ended": "Somebody who was logged in on the pages is not any more. `session`, `who`, "
    "`why`: they logged out, here or at the issuer, security ended it, or they had too many, `by`",
    "policy-drafted": "A version of the policy was written down as a draft. `version`, `sha256`, "
    "`by`",
    "policy-proposed": "A version waits for another person's approval. `version`, `sha256`, `by`",
    "policy-published": "A version is in force next: new calls get it. `version`, `sha256`: what "
    "certificates name, `by`, `author` where another person approved it",
    "policy-step-failed": "What the entry before it tells of this version was not done: somebody "
    "else was faster, or the database refused. `version`, `sha256`, `step`: which, `by`",
    "policy-withdrawn": "A draft, or a version that waited, was taken back. `version`, `sha256`, "
    "`by`",
    "evaluation-published": "Figures of an evaluation were stored. `sha256`, `policy`: its digest, "
    "`by`",
    "token-key-replaced": "Somebody said that the token key is lost: another one counts next, and "
    "calls from before are found by their id alone. `by`",
    "signing-key-replaced": "Somebody said that the signing key is lost: another one counts next. "
    "`by`",
    "wrapping-key-replaced": "All keys are wrapped anew and the old wrapping key is removed. "
    "`primary`, `removed`: key ids",
    "keyset-encrypted": "A key service encrypts the file of the wrapping key. `primary`, `by`: the "
    "service's key",
    "sweep-confirmed": "Somebody confirmed a sweep that had been refused: a doubtful clock, or a "
    "great part at once. `sweep`, `count`: what it destroys next, `by`",
    "log-pruned": "Entries whose time was over were removed. `until`, `entries`: how "
    "many, `tree_…`: what remains of their Merkle tree",
    "log-adopted": "The signing key was told to go on from the log as it is. `until`, `hash`: its "
    "last entry, `signed`, `signed_hash`: what the key had signed last, `by`",
}
"""What it tells, by name."""

_TYPES: Final = frozenset(f"hushwire.audit.{name}.v1" for name in KINDS)


def is_listed(kind: str) -> bool:
    """Whether a CloudEvents type is that of a listed kind."""
    return kind in _TYPES


def table() -> str:
    """All kinds as a Markdown table."""
    rows = [f"| `{name}` | {told} |" for name, told in KINDS.items()]
    return "\n".join(["| event | what it tells |", "|---|---|", *rows])
