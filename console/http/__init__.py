"""How the server is spoken to, whoever speaks.

Files: ``slow_clients`` none keeps others out · ``rate_limits`` · ``envelope`` what every answer
carries · ``errors`` typed and short · ``parameters`` what an address may say · ``forms`` what a
page sends · ``ranges`` of bytes · ``zones`` of times · ``metrics`` all names,
``metrics_page`` the page of them · ``request_spans`` of traces.
"""
