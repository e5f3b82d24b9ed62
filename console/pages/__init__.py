"""The pages for people, made on the server.

Files: ``login`` the way in · ``sessions`` who is logged in · ``tokens`` who may come in ·
``refusals`` what is shown in the place of a page · ``api_docs`` the interface for programs ·
``call_list`` · ``call_page`` one call and the marks on it · ``turns`` its transcript word by word,
``call_view`` what stands beside it ·
``checks`` of a certificate, in words · ``navigation`` which pages there are, by permission ·
``rendering`` templates under a strict content security policy.
"""
