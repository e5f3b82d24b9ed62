"""Who comes in, what they may, and the entry that says so.

Files: ``oidc`` a JWT of an organisation's issuer · ``code_flow`` logging in there · ``door`` a
valid token or session, within its rate, with the permission · ``routing`` no route without one ·
``looks`` an audit entry before a single byte goes out · ``names`` of whoever did something ·
``audit_signing`` signs the log while the server runs.
"""
