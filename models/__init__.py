"""Loads the speech and language models behind the small protocols that ``pipeline`` states."""
