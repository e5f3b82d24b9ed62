"""Rules of places and the prompts that meet them, as the settings have them; calls at the door."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial

from agents.settings.model import Settings
from agents.system.clock import system_clock
from models.store.model_catalogue import entry
from pipeline.consent.gate import ConsentRules, metadata_decision, refusal
from pipeline.consent.loading import load_rules
from pipeline.consent.notices.loading import known_notice, load_notices
from pipeline.consent.notices.model import Notices
from pipeline.consent.rules import RuleSet
from pipeline.consent.setting import setting_of
from pipeline.policy.model import Policy
from pipeline.records.consent import Outcome
from pipeline.records.model import CallInfo


def rules_of(settings: Settings) -> RuleSet:
    """The shipped rules, and those of the installation.

    Raises:
        PolicyError: a file of rules is refused.
    """
    return load_rules([settings.jurisdictions] if settings.jurisdictions else [])


def notices_of(settings: Settings, rules: RuleSet, day: date) -> Notices:
    """The shipped prompts, and those of the installation.

    Args:
        settings: of the installation.
        rules: of places, which prompts have to be enough for.
        day: on which prompts are played.

    Raises:
        PolicyError: a file of notices or of rules is refused.
    """
    return load_notices([settings.notices] if settings.notices else [], rules, day)


def knows_notice(settings: Settings, rules: RuleSet, day: date) -> Callable[[str], bool]:
    """Says of ``Evidence.notice`` whether there is, or was, such a prompt.

    Raises:
        PolicyError: a file of notices or of rules is refused.
    """
    return partial(known_notice, notices=notices_of(settings, rules, day))


def consent_rules(settings: Settings) -> ConsentRules:
    """What the transcribe stage judges calls by.

    It is loaded whatever the worker's own policy says: a call may be pinned to another's.

    Raises:
        PolicyError: a file of rules is refused.
        ModelError: what reads the spoken disclosure is missing or altered.
    """
    # Commands on rules need no model.
    from models.consent.reader import MODEL, load_consent_reader  # noqa: PLC0415

    rules = rules_of(settings)
    knows = knows_notice(settings, rules, system_clock().date())
    return ConsentRules(rules, load_consent_reader(), knows, entry(MODEL).reference)


def at_the_door(settings: Settings) -> Callable[[CallInfo, Policy], None]:
    """Refuses calls that no spoken word can save by a policy, before anything of them is sent.

    Raises:
        PolicyError: a file of rules is refused.
    """
    rules = rules_of(settings)

    def may_be_sent(call: CallInfo, policy: Policy) -> None:
        if not policy.consent.enforced:
            return
        decision = metadata_decision(call, policy, rules, setting_of(policy))
        if decision.outcome is Outcome.REFUSED:
            raise refusal(decision)

    return may_be_sent
