"""Alembic's migrations of the ledger; see ``agents.database.migrate``."""
