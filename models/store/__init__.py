"""Which weights, which bytes, under which licence.

Files: ``model_catalogue`` with ``catalogue.yaml`` · ``loader`` finds a model's files and checks
their hashes before anything is loaded · ``software`` by what this installation detects, as records
and certificates name it. A new model is an entry of the catalogue. Test: ``tests/models/store``.
"""
