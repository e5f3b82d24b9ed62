"""Keys and what is sealed or signed with them. No policy, and no input or output but keys.

Files: ``keyset_file`` in clear for its owner, or encrypted by a service: ``kms``, named by
``kms_uri`` · ``envelope`` wrapped keys and seals · ``streaming_segments`` parts of sealed files ·
``transit_hybrid`` the pair of keys by which calls come in · ``ed25519`` the signing key ·
``signed_head`` what it signed last · ``pseudonym_secret`` keyed hashes · ``party_pseudonyms`` of
numbers.

Words: *KEK* wraps keys; *transit key* one per open call, wrapped by the public half of a pair where
the call comes in; *vault key* one per stored call. Test: ``tests/agents/crypto``.
"""
