"""The record of processing activities (GDPR Art. 30), made from the running configuration.

It states what the settings and the policy say, and names what no program can know. Nothing is read
but settings, policy and catalogue of models; no call and no key is looked at.

Outcomes: ``Record``; ``PolicyError`` or ``SettingsError`` where the configuration is refused.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from sqlalchemy.engine import make_url

from agents.access.roles import MAY, Role
from agents.database.policies.of_installation import policy_of
from agents.kafka.security import KafkaSecurity
from agents.kafka.topics import Topics
from agents.reports.entity_groups import kind_of, label_of
from agents.settings.model import Settings
from agents.settings.used_models import others_in_use
from agents.system.clock import system_clock
from agents.vault.shadow_results import KEEP_DAYS
from models.store.loader import catalogue_file
from models.store.model_catalogue import entries
from pipeline.policy.model import Policy
from pipeline.records.entities import Entity
from pipeline.records.model import Action

SCHEMA: Final = "hushwire.records-of-processing.v1"
UNSET: Final = "not stated: set {}"
UNKNOWN: Final = (
    "On which legal basis the calls are recorded, and whether the people in them were told.",
    "Which people are recorded beyond callers and agents, and in which countries they are.",
    "Whether data goes to a third country (Art. 30(1)(e)): where machines and stores stand.",
    "Who gets what is exported, and what they do with it; a processor's contracts (Art. 28).",
    "What the recorder keeps by itself, before Hushwire and beside it.",
    "Backups, snapshots and replicas of disks and databases, and how long they are kept.",
    "Disk encryption, access to the machines, training of people, and other such measures.",
    "What recognition missed: redaction is measured, not complete; a voice stays personal data.",
)
"""What the record can't say; each is to be added by whoever answers for the processing."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: what, and what is said of it."""

    what: str
    told: str


@dataclass(frozen=True, slots=True)
class Record:
    """A record of processing."""

    schema: str
    made: str
    software: str
    controller: tuple[Row, ...]
    purposes: tuple[str, ...]
    subjects: tuple[str, ...]
    data: tuple[Row, ...]
    recipients: tuple[Row, ...]
    retention: tuple[Row, ...]
    security: tuple[Row, ...]
    means: tuple[Row, ...]
    """Policy, models, topics and stores that carry the processing out."""
    unknown: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)

    def markdown(self) -> str:
        """For people."""
        tables = (
            ("Controller (Art. 30(1)(a))", self.controller),
            ("Categories of personal data (c)", self.data),
            ("Recipients inside the organisation (d)", self.recipients),
            ("Time limits for erasure (f)", self.retention),
            ("Technical security measures (g)", self.security),
            ("Means", self.means),
        )
        lists = {
            "Purposes (b)": self.purposes,
            "Categories of data subjects (c)": self.subjects,
            "What this record can't know, and you have to add": self.unknown,
        }
        shown = {title: _table(rows) for title, rows in tables}
        shown |= {
            title: "\n".join(f"- {_cell(one)}" for one in items) for title, items in lists.items()
        }
        order = (
            tables[0][0],
            *list(lists)[:2],
            *(title for title, _ in tables[1:]),
            *list(lists)[2:],
        )
        head = (
            "# Record of processing activities: redaction of recorded calls\n\n"
            f"Made by {self.software} on {self.made} from its configuration."
        )
        return "\n\n".join([head, *(f"## {title}\n\n{shown[title]}" for title in order)]) + "\n"


def record_of(settings: Settings, state: Path, vault: str | None) -> Record:
    """The record of an installation.

    Args:
        settings: in force.
        state: the state folder.
        vault: where the vault lies; ``None``: not told.

    Raises:
        HushwireError: see ``policy_of``.
    """
    policy = policy_of(settings, state)
    return Record(
        schema=SCHEMA,
        made=system_clock().isoformat(timespec="seconds"),
        software=f"Hushwire {version('hushwire')}",
        controller=_controller(settings),
        purposes=_purposes(settings, policy),
        subjects=("callers and people called", "the organisation's own agents", "people spoken of"),
        data=_data(policy),
        recipients=_recipients(),
        retention=_retention(settings, policy),
        security=_security(settings, policy),
        means=_means(settings, policy, state, vault),
        unknown=UNKNOWN,
    )


def _controller(settings: Settings) -> tuple[Row, ...]:
    stated = (
        ("name", "controller_name"),
        ("contact", "controller_contact"),
        ("data protection officer", "controller_dpo"),
    )
    return tuple(Row(what, _stated(settings, field)) for what, field in stated)


def _stated(settings: Settings, field: str) -> str:
    return getattr(settings, field) or UNSET.format(f"HUSHWIRE_{field.upper()}")


def _purposes(settings: Settings, policy: Policy) -> tuple[str, ...]:
    named = [one.strip() for one in (settings.controller_purposes or "").split(";") if one.strip()]
    recorders = [f"calls that the recorder marks as {name!r}" for name in policy.retention]
    return (*(named or [_stated(settings, "controller_purposes")]), *recorders)


def _data(policy: Policy) -> tuple[Row, ...]:
    done = {
        Action.MUTE: "silenced before storage",
        Action.KEEP: "kept audible by the policy",
        Action.COUNT: "kept audible and counted",
    }
    groups: dict[tuple[str, Action], list[str]] = defaultdict(list)
    for entity in Entity:
        action = policy.rule(entity).action
        groups[kind_of(entity).title, action].append(label_of(entity))
    rows = [
        Row(f"{kind}: {', '.join(sorted(names))}", done[action])
        for (kind, action), names in sorted(groups.items())
    ]
    return (
        Row("voices of all channels", "kept, where nothing is silenced; not de-identified"),
        Row("all other spoken content", "kept as audio and transcript"),
        Row("numbers of the parties, where the recorder names them", "kept as keyed pseudonyms"),
        Row("time, length, purpose and language of a call", "kept"),
        *rows,
    )


def _recipients() -> tuple[Row, ...]:
    return tuple(
        Row(role.value, ", ".join(sorted(one.value for one in MAY[role]))) for role in Role
    )


def _retention(settings: Settings, policy: Policy) -> tuple[Row, ...]:
    stored = [
        Row(f"stored call, purpose {purpose}", f"{days} days, then its key and files are destroyed")
        for purpose, days in policy.retention.items()
    ]
    raw = settings.raw_retention_seconds / 3_600
    return (
        *stored,
        Row("stored call under a legal hold", "until the hold is removed"),
        Row("key of a call's raw audio and words", "destroyed when the call is stored or refused"),
        Row(
            "sealed raw audio and words on the broker",
            f"{raw:g} hours; unreadable as soon as the key is gone",
        ),
        Row("key of a quarantined call", f"{settings.quarantine_hours} hours"),
        Row("audit log, without content", f"{settings.audit_days} days"),
        Row("reviewers' marks, without content", "until their call is erased"),
        Row(
            "comparisons with a shadow policy, without content",
            f"{KEEP_DAYS} days, or until their call is erased",
        ),
    )


def _security(settings: Settings, policy: Policy) -> tuple[Row, ...]:
    service = settings.key_service
    kafka = KafkaSecurity.of(settings)
    return (
        Row("raw audio and words", "AES-256-GCM with a key per call, bound to topic, call, number"),
        Row("vault", "streaming AES-256-GCM with another key per call"),
        Row("wrapping key", f"encrypted by {service}" if service else "in a file of mode 0600"),
        Row("connection to the broker", kafka.protocol),
        Row("pseudonyms and tokens", "HMAC-SHA-256, keyed for the installation"),
        Row(
            "certificates and audit log",
            "signed (Ed25519); the log is a hash chain with signed checkpoints",
        ),
        Row("access", "roles, deny by default, every look audited; tokens hashed, expiring"),
        Row(
            "check of the output",
            f"listened to again around numbers, {policy.verification.sample_share:.0%} of the rest "
            "drawn; a call that fails is quarantined",
        ),
    )


def _means(settings: Settings, policy: Policy, state: Path, vault: str | None) -> tuple[Row, ...]:
    url = make_url(settings.ledger_location(state))
    topics = Topics.named(settings.topic_prefix)
    own = catalogue_file(settings.models_dir, settings.models_catalogue)
    others = others_in_use(settings)
    models = [
        f"{entry.id} ({entry.purpose.rstrip('.')}; sha256 {entry.sha256[:16]})"
        for entry in entries(own)
        if entry.id in settings.speech_models or entry in others
    ]
    return (
        Row("policy", f"{policy.name} version {policy.version}, sha256 {policy.digest}"),
        Row("models, run on the installation's own machines", "; ".join(models)),
        Row("broker", settings.bootstrap or "embedded, in memory, on the loopback"),
        Row("topics", ", ".join(topics.all())),
        Row(
            "topics of archives' calls, where `hushwire backfill` is used",
            ", ".join(topics.archive()),
        ),
        Row("ledger, catalogue and audit log", f"{url.get_backend_name()}, {url.host or 'a file'}"),
        Row("vault", vault or "not told: --vault"),
    )


def _table(rows: tuple[Row, ...]) -> str:
    return "\n".join(
        ["| | |", "|---|---|", *(f"| {_cell(row.what)} | {_cell(row.told)} |" for row in rows)]
    )


def _cell(text: str) -> str:
    """A setting may hold anything."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
