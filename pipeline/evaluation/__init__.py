"""Evaluation: what leaks and what is silenced for nothing, measured against the truth.

Pure: labelled texts and audio come in as values, results go out as records; agents read and write
files. A result never holds what was spoken, only identifiers, types, counts and times.
"""
