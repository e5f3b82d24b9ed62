"""What several commands open.

Files: ``stores`` ledger, audit log and vault · ``public_keys`` which keys signatures are checked
with.
"""
