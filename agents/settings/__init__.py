"""Every setting: read once, validated, handed down.

Files: ``model`` the settings, those of the gateway in ``gateway``, of what goes out in
``outputs``, of versions of the policy in ``policy_versions``, of ``analytics``, of ``access`` to
the console, with ``values`` · ``credentials`` as they may be shown · ``policies`` and ``detectors``
what is set up from them for whoever asks, ``used_models`` which models that takes ·
``consent_rules`` and ``notices`` rules of places and prompts as the settings have them.

A new setting takes ``model`` and ``make settings``; where compose's users need it, also
``deploy/compose/hushwire.env.example``. Test: ``tests/agents/cli/test_settings.py``.
"""
