"""Words of a call as recognisers and the reader see them.

Files: ``turn_segmentation`` a call's words as turns, with what came before · ``turn`` the tokens
of one, with their places · ``word_frequency`` how common a word is · ``language_check`` whether
the words are of the call's language. Not here: phrases (``pipeline.detection.language``).
"""
