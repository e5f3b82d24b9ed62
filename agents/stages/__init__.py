"""The five stages: thin adapters from the runtime to the cores in ``pipeline/`` and ``models/``."""
