"""What several commands open, take or say.

Files: ``stores`` ledger, audit log and vault · ``public_keys`` which keys signatures are checked
with · ``pipeline_options`` of what runs stages · ``extras`` what is to be installed for more ·
``listing`` tables, and the same as JSON · ``spoken_prompt`` by a voice program.
"""
