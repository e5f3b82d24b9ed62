"""Is a command that runs in another process, see ``forked.py``: SOCKET ARGUMENT..."""

import json
import os
import signal
import socket
import struct
import sys
from contextlib import suppress
from pathlib import Path

NUMBER = struct.Struct("!q")
PASSED_ON = (
    signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2,
)  # fmt: skip


def main() -> int:
    """The exit code."""
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)  # until it is known whom to pass them on
    told, theirs = socket.socketpair()
    order = {"argv": ["hushwire", *sys.argv[2:]], "env": dict(os.environ), "cwd": str(Path.cwd())}
    with theirs, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as orders:
        places = [theirs.fileno(), 1, 2, 0]
        orders.connect(sys.argv[1])
        socket.send_fds(orders, [json.dumps(order).encode()], places)
    (process,) = NUMBER.unpack(told.recv(NUMBER.size, socket.MSG_WAITALL))

    def pass_on(number: int, _frame: object) -> None:
        with suppress(ProcessLookupError):
            os.kill(process, number)

    for one in PASSED_ON:
        signal.signal(one, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    (code,) = NUMBER.unpack(told.recv(NUMBER.size, socket.MSG_WAITALL))
    if code < 0:
        with suppress(OSError):  # SIGKILL is as ever
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
