"""The reader's weights: learnt, and measured alone.

Files: ``learn`` (``make reader``) · ``scores`` what readers make of texts that none has learnt
from.
"""
