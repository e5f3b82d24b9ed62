"""Which weights, which bytes, under which licence.

Files: ``model_catalogue`` with ``catalogue.yaml``, and the team's own · ``loader`` finds a model's
files and checks their hashes before anything is loaded · ``hub`` what is fetched · ``own_models``
enters another Whisper · ``whisper_files`` whether it is one · ``trial`` whether it hears where
words are said · ``licences`` with ``licences.yaml``, of models, lists and voices · ``software`` by
what this installation detects, as records and certificates name it. Test: ``tests/models/store``.
"""
