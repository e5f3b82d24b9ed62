"""Views of the list of calls that somebody keeps under a name: filter and order as an address.

Words that were searched for and pseudonyms of people are not kept: a view lies in the database in
clear, and no erasure finds it. A token's views go when it is revoked. Outcomes:
``InputError`` for a name that is none and for one view too many, ``NameTakenError`` for one that
another view has; ``StoreError`` where the database is away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from agents.database.engine import Database
from agents.database.tables import SAVED_VIEWS
from pipeline.errors import InputError

VIEWS_MOST: Final = 50
"""Of one person."""
NAME_MOST: Final = 60


@dataclass(frozen=True, slots=True)
class SavedView:
    """A view."""

    name: str
    address: str
    """Query of the list's address, such as ``campaign=spring&sort=duration``; may be empty."""


class NameTakenError(InputError):
    """Another view of the same person has this name."""

    def __init__(self) -> None:
        super().__init__("you have another view of this name: choose another name, or replace it")


class SavedViews:
    """The views of one installation.

    Args:
        database: the ledger's, with its schema up to date.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, owner: str) -> tuple[SavedView, ...]:
        """Somebody's views by name."""
        mine = SAVED_VIEWS.c.owner == owner
        query = select(SAVED_VIEWS).where(mine).order_by(SAVED_VIEWS.c.name)
        with self._database.reading() as connection:
            return tuple(SavedView(row.name, row.address) for row in connection.execute(query))

    def keep(self, owner: str, view: SavedView, *, replacing: bool = False) -> None:
        """Keep a view.

        Args:
            owner: whose it is.
            view: what is kept.
            replacing: take the place of the one of its name.

        Raises:
            NameTakenError: there is another view of this name, and it is not to be replaced.
            InputError: see the module's text.
        """
        _check_name(view.name)
        try:
            self._keep(owner, view, replacing=replacing)
        except IntegrityError:
            self._keep(owner, view, replacing=replacing)  # kept twice at once: now it is there

    def _keep(self, owner: str, view: SavedView, *, replacing: bool) -> None:
        one = (SAVED_VIEWS.c.owner == owner) & (SAVED_VIEWS.c.name == view.name)
        mine = select(func.count()).where(SAVED_VIEWS.c.owner == owner)
        with self._database.writing() as connection:
            there = connection.scalar(select(SAVED_VIEWS.c.address).where(one))
            if there is not None:
                if there != view.address and not replacing:
                    raise NameTakenError
                connection.execute(update(SAVED_VIEWS).where(one).values(address=view.address))
                return
            if (connection.scalar(mine) or 0) >= VIEWS_MOST:
                raise InputError(f"{VIEWS_MOST} views are the most: remove one first")
            connection.execute(
                insert(SAVED_VIEWS).values(
                    owner=owner,
                    name=view.name,
                    address=view.address,
                    created=self._database.stamp(),
                )
            )

    def rename(self, owner: str, name: str, new: str) -> bool:
        """Give a view another name; whether it was there.

        Raises:
            NameTakenError: another view has that name.
            InputError: it is none.
        """
        _check_name(new)
        one = (SAVED_VIEWS.c.owner == owner) & (SAVED_VIEWS.c.name == name)
        try:
            with self._database.writing() as connection:
                done = connection.execute(update(SAVED_VIEWS).where(one).values(name=new))
        except IntegrityError:
            raise NameTakenError from None
        return bool(done.rowcount)

    def remove(self, owner: str, name: str) -> bool:
        """Remove a view; whether it was there."""
        one = (SAVED_VIEWS.c.owner == owner) & (SAVED_VIEWS.c.name == name)
        with self._database.writing() as connection:
            return bool(connection.execute(delete(SAVED_VIEWS).where(one)).rowcount)


def _check_name(name: str) -> None:
    if not 0 < len(name) <= NAME_MOST or not name.isprintable():
        raise InputError(f"a view needs a name of at most {NAME_MOST} letters")
