"""Genesys AudioHook by its frames."""
