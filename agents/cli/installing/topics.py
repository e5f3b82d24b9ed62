"""``hushwire topics``: makes the topics and sets how long the broker keeps what is on them."""

from __future__ import annotations

from typing import Annotated

import typer

from agents.settings.model import Settings, load_settings
from agents.system.screen import screen

app = typer.Typer(help="The topics on a Kafka cluster.", no_args_is_help=True)

Bootstrap = Annotated[str | None, typer.Option(help="Kafka bootstrap servers.")]
Retention = Annotated[
    int | None,
    typer.Option(
        "--raw-retention-seconds", help="How long the broker keeps the sealed records of calls."
    ),
]


@app.command()
def create(bootstrap: Bootstrap = None, raw_retention_seconds: Retention = None) -> None:
    """Create the topics that are missing; ones that exist stay as they are.

    Those of archives' calls with HUSHWIRE_BACKFILL=true, or where some of them exist.
    """
    from agents.kafka.admin import make_topics  # noqa: PLC0415 - --help comes at once
    from agents.kafka.security import KafkaSecurity, named_broker  # noqa: PLC0415
    from agents.kafka.topics import reach_broker  # noqa: PLC0415

    settings = load_settings(bootstrap=bootstrap, raw_retention_seconds=raw_retention_seconds)
    client = KafkaSecurity.of(settings).librdkafka()
    topics = make_topics(settings, reach_broker(named_broker(settings), client=client))
    told = f"{len(topics.all())} topics of {settings.partitions} partitions are there"
    screen().print(told, highlight=False)
    _tell_short(settings)


@app.command()
def update(
    bootstrap: Bootstrap = None,
    raw_retention_seconds: Retention = None,
    *,
    shorten: Annotated[
        bool, typer.Option("--shorten", help="Also where records that are there are deleted.")
    ] = False,
) -> None:
    """Set retention, segments, cleanup and safe copies of the topics that exist.

    A retention that is shorter than the topic's needs --shorten: the broker deletes what is older,
    and calls that are not finished then can't be.
    """
    from agents.kafka.admin import update_topics  # noqa: PLC0415 - --help comes at once
    from agents.kafka.security import KafkaSecurity, named_broker  # noqa: PLC0415
    from agents.kafka.topics import Topics  # noqa: PLC0415

    settings = load_settings(bootstrap=bootstrap, raw_retention_seconds=raw_retention_seconds)
    seconds = settings.raw_retention_seconds
    topics = Topics.named(settings.topic_prefix, backfilled=settings.backfill)
    client = KafkaSecurity.of(settings).librdkafka()
    done = update_topics(
        named_broker(settings),
        topics,
        seconds * 1000,
        replication=settings.replication,
        shorten=shorten,
        client=client,
    )
    told = f"{len(done)} topics updated; sealed records of calls are kept for {seconds} s"
    screen().print(told, highlight=False)
    _tell_short(settings)


def _tell_short(settings: Settings) -> None:
    """Say that records go before a long call is through, where it is so."""
    from agents.app.checks.surroundings import NEEDED, needed_s  # noqa: PLC0415

    if settings.raw_retention_seconds < (least := needed_s(settings)):
        screen(stderr=True).print(
            f"hushwire: {settings.raw_retention_seconds} s are {NEEDED}; where calls are shorter, "
            f"that may do: else --raw-retention-seconds {least} or more",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip
