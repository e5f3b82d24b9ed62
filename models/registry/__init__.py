"""Presidio as the frame: which recognisers run, the team's own, and guards around them.

In: a registry file. Out: an analyzer set up so that nothing leaks.

Files: ``schema`` the file's form · ``class_loading`` classes by their place · ``regex_guard`` no
pattern may take long · ``registry`` shipped and own recognisers together · ``analyzer`` runs them
· ``known_names`` what a policy may name here. Test: ``tests/models/registry``.
"""
