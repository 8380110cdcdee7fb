"""Labels and annotations by which the operator knows its own."""

FIELD_MANAGER = "storefront-operator"

FINALIZER = "storefront.dev/teardown"
"""Finalizer of a Storefront: it stays until its children are gone."""

COMPONENT = "app.kubernetes.io/component"
MANAGED_BY = "app.kubernetes.io/managed-by"
NAME = "app.kubernetes.io/name"
STOREFRONT = "storefront.dev/name"
ROLE = "role"
"""Label of a store's pod: the role its member plays now, as `primary`; the store itself keeps it."""

REPLICATION = "storefront.dev/replication"
"""Label of a Redis replica's pod: `linked` or `broken`, its link to the primary; the store itself keeps it."""

ACCESS_LIST = "storefront.dev/access-list"
"""Label of a Redis member's pod: which passwords its server accepts now, as a fingerprint; the store keeps it."""

ROTATE = "storefront.dev/rotate-credentials"
"""Annotation of a Storefront that a person sets: another value asks for new credentials of the services."""

DESIRED_HASH = "storefront.dev/desired-hash"
"""Annotation of a child: the fingerprint of the object that was applied last."""

CONFIG_HASH = "storefront.dev/config-hash"
"""Annotation of a pod template: changes when a ConfigMap or Secret that the pod reads changes."""

RELOADED = "storefront.dev/reloaded"
"""Annotation of a ConfigMap or Secret: the pods that read it notice a change by themselves, none is restarted."""

GENERATED = "storefront.dev/generated"
"""Label of a Secret whose content the operator made once and never makes again."""

INPUTS_HASH = "storefront.dev/inputs-hash"
"""Annotation of a generated Secret: what it was made for (say, host names); another value makes it anew."""

RETAINED = "storefront.dev/retained"
"""Annotation of a data namespace that outlived its Storefront."""
