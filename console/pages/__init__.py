"""The pages for people, made on the server.

Files: ``call_list`` the way in, and the list · ``call_page`` one call and the marks on it ·
``turns`` its transcript word by word · ``compliance`` the report of a month ·
``navigation`` which pages there are, by permission · ``rendering`` templates under a strict
content security policy.
"""
