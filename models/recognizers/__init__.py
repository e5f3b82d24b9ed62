"""Recognisers for spoken text: one a file, each a Presidio ``EntityRecognizer``."""
