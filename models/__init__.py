"""Loads the speech and language models behind the small protocols that ``pipeline`` states.

``store`` which weights, which bytes · ``speech`` what hears · ``text`` turns and tokens ·
``encoder`` the form that readers share · ``reader`` labels words · ``recognizers`` what forms
tell, one a file · ``registry`` Presidio as the frame of them · ``detection`` one call: windows in,
findings out · ``disclosure`` what a transcript shows of a muted value · ``consent`` what is said of
the recording · ``speakers`` who speaks on a channel that two share.

Everything here gives the same answer for the same input in every process. Nothing here knows a
broker or a store.
"""
