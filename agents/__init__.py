"""Processes, brokers, stores: thin stages around the core, and the commands.

From the top down, as imports point: ``cli`` options to settings, errors to one line · ``app`` one
module per way to run Hushwire · ``reports`` pages for people · ``stages`` record in, steps out,
``upkeep`` what time asks for · ``analytics`` what is counted of stored calls · ``runtime`` runs any
stage · ``vault`` calls at rest · ``kafka`` topics and clients · ``access`` who may, and who did ·
``database`` tables and ledger · ``settings`` · ``crypto`` · ``system`` what we ask of the operating
system.
"""
