"""Commands of ``hushwire``, a module each."""
