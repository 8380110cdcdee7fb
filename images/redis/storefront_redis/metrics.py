"""Metrics in Prometheus' text format, under the names of the usual redis_exporter, so that its dashboards fit.

https://github.com/oliver006/redis_exporter
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from storefront_redis.election import View


class Sample(NamedTuple):
    """One number of one metric."""

    name: str
    value: float
    labels: Mapping[str, str] = {}
    counter: bool = False


_FIELDS = {
    "uptime_in_seconds": ("redis_uptime_in_seconds", False),
    "connected_clients": ("redis_connected_clients", False),
    "blocked_clients": ("redis_blocked_clients", False),
    "used_memory": ("redis_memory_used_bytes", False),
    "used_memory_rss": ("redis_memory_used_rss_bytes", False),
    "maxmemory": ("redis_memory_max_bytes", False),
    "aof_enabled": ("redis_aof_enabled", False),
    "total_commands_processed": ("redis_commands_processed_total", True),
    "total_connections_received": ("redis_connections_received_total", True),
    "rejected_connections": ("redis_rejected_connections_total", True),
    "keyspace_hits": ("redis_keyspace_hits_total", True),
    "keyspace_misses": ("redis_keyspace_misses_total", True),
    "expired_keys": ("redis_expired_keys_total", True),
    "evicted_keys": ("redis_evicted_keys_total", True),
    "connected_slaves": ("redis_connected_slaves", False),
    "master_repl_offset": ("redis_master_repl_offset", False),
    "slave_repl_offset": ("redis_slave_repl_offset", False),
    "master_last_io_seconds_ago": ("redis_master_last_io_seconds_ago", False),
}
"""Fields of INFO → names of metrics, and whether they only ever grow."""


def member_samples(info: Mapping[str, str] | None) -> list[Sample]:
    """From all fields of INFO; None when the server does not answer."""
    if info is None:
        return [Sample("redis_up", 0)]
    samples = [Sample("redis_up", 1)]
    role = info.get("role", "")
    samples.append(
        Sample("redis_instance_info", 1, {"redis_version": info.get("redis_version", ""), "role": role})
    )
    samples += [
        Sample(name, float(info[field]), counter=counter)
        for field, (name, counter) in _FIELDS.items()
        if field in info
    ]
    if role == "slave":
        samples.append(Sample("redis_master_link_up", float(info.get("master_link_status") == "up")))
    for field, text in info.items():
        if re.fullmatch(r"slave\d+", field):
            replica = dict(pair.split("=", 1) for pair in text.split(","))
            labels = {"slave_ip": replica["ip"], "slave_state": replica["state"]}
            samples.append(Sample("redis_connected_slave_offset_bytes", float(replica["offset"]), labels))
            samples.append(Sample("redis_connected_slave_lag_seconds", float(replica["lag"]), labels))
        elif re.fullmatch(r"db\d+", field):
            keys = dict(pair.split("=", 1) for pair in text.split(","))
            samples.append(Sample("redis_db_keys", float(keys["keys"]), {"db": field}))
    return samples


def sentinel_samples(own: View | None, counted: View | None, primary: str | None) -> list[Sample]:
    """One sentinel's view, and whether a majority answers it."""
    samples = [
        Sample("redis_sentinel_up", float(own is not None)),
        Sample("redis_sentinel_majority", float(counted is not None)),
    ]
    if own is not None:
        samples.append(Sample("redis_sentinel_master_slaves", own.replicas))
        samples.append(Sample("redis_sentinel_election_epoch", own.epoch))
    if primary is not None:
        samples.append(Sample("redis_sentinel_primary_info", 1, {"pod": primary}))
    return samples


def exposition(samples: Iterable[Sample]) -> str:
    """The text of a scrape; the samples of a metric need not stand together."""
    families: dict[str, list[Sample]] = {}
    for sample in samples:
        families.setdefault(sample.name, []).append(sample)
    lines = []
    for name, family in families.items():
        lines.append(f"# TYPE {name} {'counter' if family[0].counter else 'gauge'}")
        lines += [f"{name}{_labels(sample.labels)} {_number(sample.value)}" for sample in family]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}" if labels else ""


def _number(value: float) -> str:
    return f"{value:.15g}"
