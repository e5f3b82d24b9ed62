"""The policy in force of an installation: what its workers take up for new calls.

For commands, reports and pages; a worker asks ``published.InForce``. Outcomes: the policy;
``PolicyError`` or ``SealError`` where no worker could take it up; ``StoreError`` where the ledger
or its key file is away.
"""

from __future__ import annotations

from pathlib import Path

from agents.database.call_ledger import Ledger
from agents.database.engine import Database, sqlite_file
from agents.database.open_ledger import opened_ledger
from agents.database.policies.published import Following, ever_published, published
from agents.settings.model import Settings
from agents.settings.policies import names_known, read_policy
from pipeline.policy.model import Policy


def following(settings: Settings) -> Following | None:
    """How published versions are taken up; None: the settings' own policy is to count."""
    if settings.policy_source == "settings":
        return None
    return Following(names_known(settings), two=settings.policy_approval == "two")


def policy_in_force(settings: Settings, ledger: Ledger) -> Policy:
    """The version that was published last, or the policy of the settings where there is none."""
    own, follows = read_policy(settings), following(settings)
    if follows is None:
        return own
    found = published(ledger.database, ledger.kek)
    if found is None:
        return own
    follows.require(found)
    return found.policy


def policy_of(settings: Settings, state: Path) -> Policy:
    """The same, where the ledger is not open yet, or there is none."""
    location = settings.ledger_location(state)
    file = sqlite_file(location)
    if settings.policy_source == "settings" or (file is not None and not file.exists()):
        return read_policy(settings)
    database = Database(location)
    try:
        if not ever_published(database):
            return read_policy(settings)  # so no key file is needed to prove one
    finally:
        database.dispose()
    with opened_ledger(settings, state) as ledger:
        return policy_in_force(settings, ledger)
