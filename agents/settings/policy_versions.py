"""The settings of versions of the policy that are published in the ledger."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from agents.settings.values import SettingsPart


class PolicySettings(SettingsPart):
    """Which policy new calls get, and who puts one in force."""

    policy_source: Literal["published", "settings"] = Field(
        default="published",
        description="Which policy new calls get. `published`: the version that was published last "
        "in the ledger; `policy`, where there is none. `settings`: `policy`, whatever was "
        "published; `--policy` of a command says the same.",
    )
    policy_approval: Literal["one", "two"] = Field(
        default="one",
        description="Who puts a version of the policy in force. `one`: whoever publishes it; "
        "`two`: another person than its author has to approve it, and workers take up no other. "
        "Set it alike for the console and all workers.",
    )
