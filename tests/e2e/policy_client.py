"""A program for a pod: tries connections as it is told, one line of JSON in and one out.

[["reach", host, port], ...] → [true, false, ...]; also "hold", which keeps the connection; "speak", which says
something on it and waits for the echo; and "resolve", which looks a name up. Only the standard library is used.
"""

import concurrent.futures
import json
import socket
import sys

SECONDS = 0.7
held: dict[tuple[str, int], socket.socket] = {}


def attempt(what: str, host: str, port: int) -> bool:
    try:
        if what == "resolve":
            return bool(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        if what == "speak":
            connection = held[host, port]
            connection.sendall(b"?")
            return connection.recv(1) == b"?"
        connection = socket.create_connection((host, port), timeout=SECONDS)
        if what == "hold":
            held[host, port] = connection
        else:
            connection.close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        for line in sys.stdin:
            print(json.dumps(list(pool.map(lambda each: attempt(*each), json.loads(line)))), flush=True)
