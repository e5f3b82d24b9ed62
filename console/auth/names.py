"""Whose deed it was, for people: names of tokens in the place of their ids.

A person of an organisation's issuer is a hash here, and stays one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from agents.access.api_tokens import Tokens

_SHORT: Final = 8
"""Characters of a person's hash that are shown."""
_HOST: Final = "on the command line"
_SETTINGS: Final = "settings"
"""Author of version 0 of the policy, which nobody published."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of all tokens, by their id."""

    tokens: Mapping[str, str]

    @classmethod
    def of(cls, tokens: Tokens) -> Self:
        """As they are now; raises ``StoreError``."""
        return cls({one.token_id: one.name for one in tokens.known()})

    def __call__(self, who: str) -> str:
        """What to call somebody: ``token:<id>``, ``oidc:<hash>`` or a user of the host."""
        if who == _SETTINGS:
            return who
        kind, found, rest = who.partition(":")
        if not found:
            return f"{who} {_HOST}" if who else "nobody named"
        if kind == "token":
            return self.tokens.get(rest, f"unknown token {rest}")
        if kind == "oidc":
            return f"person {rest[:_SHORT]}"
        return f"user {rest} {_HOST}" if kind == "uid" else who

    def matching(self, text: str) -> list[str]:
        """Those whom a text may mean: itself, and the tokens of that name."""
        named = [f"token:{one}" for one, name in self.tokens.items() if name == text]
        return [text, *named]
