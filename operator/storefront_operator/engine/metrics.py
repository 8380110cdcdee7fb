"""What the operator counts about itself."""

from prometheus_client import Counter, Gauge, Histogram

PASSES = Counter("storefront_passes_total", "Reconcile passes by outcome.", ["outcome"])
PASS_SECONDS = Histogram("storefront_pass_seconds", "Duration of a reconcile pass.")
WRITES = Counter("storefront_writes_total", "Writes to the API by kind and outcome.", ["kind", "outcome"])
DRIFT_REPAIRS = Counter(
    "storefront_drift_repairs_total", "Children repaired after somebody changed them.", ["kind"]
)
WATCH_FAILURES = Counter("storefront_watch_failures_total", "Watches that broke, by kind.", ["kind"])
PASS_AGE = Gauge(
    "storefront_last_pass_age_seconds", "Seconds since the last pass over a Storefront ended.", ["storefront"]
)
INQUIRIES = Counter(
    "storefront_inquiries_total", "Questions to stores on their management ports.", ["component", "outcome"]
)
QUEUE_DEPTH = Gauge("storefront_queue_depth", "Storefronts that wait for a pass.")
QUEUE_AGE = Gauge("storefront_queue_age_seconds", "How long the first in line has been waiting; 0 for none.")
WATCH_AGE = Gauge("storefront_watch_age_seconds", "Seconds since the last sign of life of a watch.", ["kind"])
STOREFRONTS = Gauge(
    "storefront_storefronts", "Storefronts by the status of their Ready condition.", ["ready"]
)
