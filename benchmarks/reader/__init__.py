"""What is learnt from the labelled texts, and measured alone.

Files: ``learn`` the reader's weights (``make reader``) · ``scores`` what readers make of texts that
none has learnt from · ``role_words`` what an agent would say and what a customer · ``speakers`` how
often they are told apart on one channel (``make bench-speakers``).
"""
