"""Waits until the gateway has no call, at least so many seconds and at most so many: argv."""

import re
import sys
import time
import urllib.request

least, most = map(float, sys.argv[1:3])
began = time.monotonic()
time.sleep(min(least, most))  # until nobody sends new calls here any more
while time.monotonic() < began + most:
    with urllib.request.urlopen("http://127.0.0.1:8451/metrics", timeout=5) as answer:
        text = answer.read().decode()
    if not sum(map(float, re.findall(r"(?m)^hushwire_gateway_calls_open\b.* (\S+)$", text))):
        break
    time.sleep(min(2.0, most))
