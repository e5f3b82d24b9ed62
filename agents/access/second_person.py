"""Whether two principals are two people, where one has to approve what the other wrote.

Outcome of ``require_another``: nothing, or ``InputError``. It goes by what the tables say: who may
write to ``api_tokens`` can make a token another person's; see ``docs/threat-model.md``.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from agents.database.engine import Database
from agents.database.tables import API_TOKENS
from agents.system.owners import may_be_one
from pipeline.errors import InputError

_TOKEN: Final = "token:"  # noqa: S105 - how audit entries name one
_PERSON: Final = "oidc:"


def require_another(database: Database, author: str, by: str) -> None:
    """Refuse an approval by who may be the author.

    Args:
        database: the ledger's.
        author: who wrote it, as audit entries name them.
        by: who would approve.

    Raises:
        InputError: it is the same principal, one is a token that the other made, or both are
            users of hosts whose name or number agrees.
    """
    if by == author or _one(_person(database, by), _person(database, author)):
        raise InputError(
            "who wrote a version can't approve it, nor can a token that its author made, nor a "
            "user of a host with the author's name or number: another person has to"
        )


def _one(first: str, second: str) -> bool:
    """Whether they are one person, or may be."""
    apart = (first, second)
    if any(who.startswith((_TOKEN, _PERSON)) for who in apart):
        return first == second
    return may_be_one(*apart)


def _person(database: Database, who: str) -> str:
    """Who stands behind a principal: of a token made by a person or a token, its maker.

    A token that was made on the command line, where no person logs in, stands for itself.

    Raises:
        InputError: nobody knows who made the token.
    """
    while who.startswith(_TOKEN):
        query = select(API_TOKENS.c.made_by).where(
            API_TOKENS.c.token_id == who.removeprefix(_TOKEN)
        )
        with database.reading() as connection:
            maker = connection.scalar(query)
        if maker is None:
            raise InputError(
                "nobody knows who made a token of this version's author or approver: it is "
                "from before versions were approved; make a new one"
            )
        if not maker.startswith((_TOKEN, _PERSON)):
            return who
        who = maker
    return who
