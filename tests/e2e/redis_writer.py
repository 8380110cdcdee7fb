"""Runs in a pod of the Redis image: writes numbers through the Service and keeps account of what was acknowledged.

`write` does so for ever; `now` prints the time and how many were acknowledged; `report T` reads everything back and
prints what is missing and how long the pauses were since time T. Output is JSON.
"""

import itertools
import json
import os
import sys
import threading
import time
from pathlib import Path

from storefront_redis.connection import Address, Connection, Login, ServerError

CONNECTIONS = 4
PAUSE = 0.01
ACKNOWLEDGED = Path("/tmp/acknowledged")


def connect() -> Connection:
    login = Login("order", os.environ["REDIS_PASSWORD"])
    return Connection(Address("redis-primary", 6379), login, 1.0)


def write(number: int) -> None:
    """One connection: each number until it is acknowledged. One line per number: time, connection, number."""
    connection = connect()
    with (ACKNOWLEDGED / str(number)).open("w", buffering=1) as acknowledged:
        for value in itertools.count():
            while True:
                try:
                    connection.call("SADD", f"order:probe:{number}", value)
                    break
                except OSError:
                    pass
                except ServerError:
                    connection.close()  # read-only or fenced: another one may be primary by now
                time.sleep(PAUSE)
            acknowledged.write(f"{time.monotonic()} {value}\n")
            time.sleep(PAUSE)


def acknowledged() -> dict[int, list[tuple[float, int]]]:
    """By connection: when, and which number. A line may be half written."""
    found = {}
    for number in range(CONNECTIONS):
        lines = (ACKNOWLEDGED / str(number)).read_text().split("\n")[:-1]
        pairs = [line.split() for line in lines]
        found[number] = [(float(when), int(value)) for when, value in pairs]
    return found


def report(since: float) -> dict[str, object]:
    accounts = acknowledged()
    lost = 0
    with connect() as connection:
        for number, account in accounts.items():
            members = connection.call("SMEMBERS", f"order:probe:{number}")
            assert isinstance(members, list)
            lost += len({value for _, value in account} - {int(str(each)) for each in members})
    times = {number: [when for when, _ in account if when >= since] for number, account in accounts.items()}
    return {
        "acknowledged": sum(map(len, accounts.values())),
        "lost": lost,
        # Nobody could write, and the unluckiest connection could not.
        "pause": longest_pause(sorted(itertools.chain(*times.values()))),
        "worst": max(map(longest_pause, times.values())),
    }


def longest_pause(times: list[float]) -> float:
    return max((later - earlier for earlier, later in itertools.pairwise(times)), default=float("inf"))


def main() -> None:
    match sys.argv[1:]:
        case ["write"]:
            ACKNOWLEDGED.mkdir()
            threads = [threading.Thread(target=write, args=(number,)) for number in range(CONNECTIONS)]
            for thread in threads:
                thread.start()
        case ["now"]:
            counts = [len(account) for account in acknowledged().values()]
            print(json.dumps({"now": time.monotonic(), "acknowledged": sum(counts), "least": min(counts)}))
        case ["report", since]:
            print(json.dumps(report(float(since))))


if __name__ == "__main__":
    main()
