"""Thin stages around the core: take a record, call the core, send a record, acknowledge."""
