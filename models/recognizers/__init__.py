"""Recognisers for spoken text, one a file, each a Presidio ``EntityRecognizer``.

Add one in four steps: is it words or a form? Words are the reader's: write texts for it. A form
that Presidio has is a row of ``registry.yaml``; only then a class here. Then cases, positive and
negative, in ``tests/models/loaded/twins.yaml``, and ``make bench-detection`` must not lose.

Files: ``base`` what all share · ``age`` ages over 89 · ``token_classifier`` an ONNX model of
somebody's own · ``gliner`` a stronger model · ``registry.yaml`` what runs.
"""
