"""The pure core of Hushwire: records in, records out, no broker, no model library, no files.

Read the modules in the order in which a call passes through them: ``records``, ``assembly``,
``listening``, ``numbers``, ``conversation``, ``muting``, ``verification``, ``transcript``,
``certificate``.
"""
