"""What a transcript shows of a muted value, worked out while its words are in memory.

Files: ``transcript_values`` which values, and as what · ``masking`` masks and keyed hashes, by
Presidio's operators. What may be shown at all is ``pipeline.policy.disclosure``.
"""
