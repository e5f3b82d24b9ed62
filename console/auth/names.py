"""Whose deed it was, for people: one name for each, on every page, in the place of what is stored.

A token is called by its name, a person of an organisation's issuer as it called them when they
logged in last, with the beginning of the hash that the audit log has for them: two people may have
one name, and somebody may choose it. A user of a host is called by name and number, as the entry
has them; a number that an entry has alone is not looked up, since another machine may have written
it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

from agents.access.api_tokens import Tokens
from agents.access.sessions import people

_SHORT: Final = 8
"""Characters of a person's hash that are shown."""
_HOST: Final = " on the command line"
_UID: Final = re.compile(r"\Auser (?=[0-9]+\Z)")
_SETTINGS: Final = "settings"
"""Author of version 0 of the policy, which nobody published."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of all tokens, by their id, and of people, by what the audit log has."""

    tokens: Mapping[str, str]
    people: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, tokens: Tokens) -> Self:
        """As they are now; raises ``StoreError``."""
        return cls({one.token_id: one.name for one in tokens.known()}, people(tokens.database))

    def __call__(self, who: str) -> str:
        """What to call somebody: ``token:<id>``, ``oidc:<hash>`` or a user of the host."""
        if who == _SETTINGS:
            return who
        kind, found, rest = who.partition(":")
        if not found:
            return f"{who}{_HOST}" if who else "nobody named"
        if kind == "token":
            return self.tokens.get(rest, f"unknown token {rest}")
        if kind == "oidc":
            named, person = self.people.get(who, ""), f"person {rest[:_SHORT]}"
            return f"{named} ({person})" if named else person
        return f"user {rest}{_HOST}" if kind == "uid" else who

    @property
    def choices(self) -> list[str]:
        """Whom a field may offer."""
        return sorted({*self.tokens.values(), *map(self, self.people)})

    def matching(self, text: str) -> list[str]:
        """Those whom a text may mean: itself, the tokens and the people of that name, a user."""
        named = [f"token:{one}" for one, name in self.tokens.items() if name == text]
        named += [who for who, name in self.people.items() if text in {name, self(who)}]
        host = text.removesuffix(_HOST)
        if host != text:
            named.append(_UID.sub("uid:", host))
        return [text, *named]
