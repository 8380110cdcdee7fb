"""The Storefront resource: what a platform team may say, and what it means when it says nothing.

These models are the single source of the CRD (`api.crd`), of validation in the operator and the command line,
and of the reference in the docs. A field that is left out takes the profile's value (`api.profiles`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from storefront_operator.api.quantities import Quantity

HOST_PATTERN = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
URL_PATTERN = r"^https?://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[0-9]{1,5})?(/[!-~]*)?$"
NAME_PATTERN = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"
MAX_NAME_LENGTH = 40

HostName = Annotated[str, StringConstraints(max_length=253, pattern=HOST_PATTERN)]
ObjectName = Annotated[str, StringConstraints(max_length=253, pattern=HOST_PATTERN)]
EnvName = Annotated[str, StringConstraints(max_length=253, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Replicas = Annotated[int, Field(strict=True, ge=1, le=100)]
Flag = Annotated[bool, Field(strict=True)]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]
Percentage = Annotated[int, Field(strict=True, ge=1, le=400)]
HttpUrl = Annotated[str, StringConstraints(max_length=500, pattern=URL_PATTERN)]

POOL_SIZE_VARIABLE = "DATABASE_POOL_SIZE"
"""Variable that tells a service its databasePoolSize."""


class Model(BaseModel):
    """Strict, camelCase, immutable."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, use_enum_values=False
    )


class Profile(StrEnum):
    DEVELOPMENT = "Development"
    PRODUCTION = "Production"


class DeletionPolicy(StrEnum):
    RETAIN = "Retain"
    DELETE = "Delete"


class PullPolicy(StrEnum):
    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


class TlsMode(StrEnum):
    SELF_SIGNED = "SelfSigned"
    SECRET = "Secret"  # noqa: S105 - the name of a mode


class TolerationOperator(StrEnum):
    EXISTS = "Exists"
    EQUAL = "Equal"


class TaintEffect(StrEnum):
    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class ResourceAmounts(Model):
    """Amounts of compute resources."""

    cpu: Quantity | None = Field(None, description="CPU in cores, such as 500m or 2.")
    memory: Quantity | None = Field(None, description="Memory in bytes, such as 256Mi or 2Gi.")


class Resources(Model):
    """Compute resources of each pod."""

    requests: ResourceAmounts | None = Field(None, description="What is reserved for a pod.")
    limits: ResourceAmounts | None = Field(
        None, description="What a pod may use at most. Without a CPU limit it may use what is idle."
    )


class Toleration(Model):
    """A taint that the pods tolerate; the same fields as a pod's toleration."""

    key: str | None = Field(None, description="Taint key; empty with operator Exists matches every taint.")
    operator: TolerationOperator | None = Field(None, description="Exists or Equal (default).")
    value: str | None = Field(None, description="Taint value, with operator Equal.")
    effect: TaintEffect | None = Field(None, description="Taint effect to match; empty matches all.")
    toleration_seconds: Annotated[int, Field(strict=True, ge=0)] | None = Field(
        None, description="For NoExecute: seconds until a pod is evicted."
    )


class EnvVar(Model):
    """One environment variable."""

    name: EnvName = Field(description="Name of the variable.")
    value: str = Field("", description="Its value.")


class Workload(Model):
    """What every group of pods takes."""

    resources: Resources | None = Field(None, description="Compute resources of each pod.")
    node_selector: dict[str, str] | None = Field(None, description="Labels a node must have to run the pods.")
    tolerations: list[Toleration] | None = Field(None, description="Taints the pods tolerate.")
    priority_class_name: ObjectName | None = Field(None, description="PriorityClass of the pods.")
    extra_env: list[EnvVar] | None = Field(
        None,
        description="Environment variables added to the main container; they win over the operator's own.",
        max_length=100,
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )


class ScaledWorkload(Workload):
    """A group of interchangeable pods."""

    replicas: Replicas | None = Field(None, description="Number of pods. Default: the profile's.")


class Tls(Model):
    """Certificate of the public entry."""

    mode: TlsMode | None = Field(
        None,
        description="SelfSigned (default): the operator makes a certificate. "
        "Secret: use the one in `secretName`, for example from cert-manager.",
    )
    secret_name: ObjectName | None = Field(
        None, description="A kubernetes.io/tls Secret in the namespace <name>-edge. Required in mode Secret."
    )
    redirect_http: Flag | None = Field(
        None, description="Answer plain HTTP with a redirect to HTTPS. Default: true."
    )

    @model_validator(mode="after")
    def _secret_is_named(self) -> Tls:
        if self.mode is TlsMode.SECRET and not self.secret_name:
            raise ValueError("mode Secret needs secretName")
        if self.mode is not TlsMode.SECRET and self.secret_name:
            raise ValueError("secretName is only used in mode Secret")
        return self


class Ingress(ScaledWorkload):
    """NGINX, the one public entry."""

    annotations: dict[str, str] | None = Field(
        None, description="Annotations of the LoadBalancer Service, for your cloud's load balancer."
    )
    load_balancer_class: str | None = Field(
        None, description="loadBalancerClass of the Service. Cannot be changed later (Kubernetes' rule)."
    )
    load_balancer_source_ranges: list[str] | None = Field(
        None, description="Client networks (CIDR) that may connect. Default: all."
    )
    tls: Tls | None = Field(None, description="Certificate of the public entry.")


class WebApp(ScaledWorkload):
    """A single-page web app, served by NGINX."""

    shop_name: Annotated[str, StringConstraints(min_length=1, max_length=60)] | None = Field(
        None, description="Name shown in the header. Default: Storefront."
    )


class Frontends(Model):
    """The web apps."""

    customer: WebApp | None = Field(None, description="The shop that customers see.")


class Autoscaling(Model):
    """How many pods there are, by what they use; a HorizontalPodAutoscaler. It needs a metrics server."""

    enabled: Flag | None = Field(
        None,
        description="Let Kubernetes choose the number of pods. Default: true (Production), false (Development).",
    )
    min_replicas: Replicas | None = Field(None, description="Least number of pods. Default: `replicas`.")
    max_replicas: Replicas | None = Field(
        None, description="Greatest number of pods. Default: the profile's, or the least where that is more."
    )
    target_cpu: Percentage | None = Field(
        None, description="CPU that pods use on average, in percent of what they request. Default: 70."
    )
    target_memory: Percentage | None = Field(
        None, description="Memory that pods use on average, in percent of what they request. Default: 80."
    )


class Microservice(ScaledWorkload):
    """A microservice."""

    replicas: Replicas | None = Field(
        None, description="Number of pods; with autoscaling, the least. Default: the profile's."
    )
    autoscaling: Autoscaling | None = Field(None, description="How many pods there are, by what they use.")


class DatabaseService(Microservice):
    """A microservice with a database of its own."""

    database_pool_size: Annotated[int, Field(strict=True, ge=2, le=50)] | None = Field(
        None,
        description="Connections to PostgreSQL that each pod opens at most. Default: 5. All pods of all services "
        "together must fit what PostgreSQL allows.",
    )

    @model_validator(mode="after")
    def _pool_size_is_counted(self) -> DatabaseService:
        if any(variable.name == POOL_SIZE_VARIABLE for variable in self.extra_env or ()):
            raise ValueError(f"extraEnv: {POOL_SIZE_VARIABLE} is counted; set databasePoolSize instead")
        return self


class ProductService(DatabaseService):
    """Catalogue, inventory and search."""

    sample_catalogue: Flag | None = Field(
        None,
        description="Put sample products into the catalogue, once per version of the image. Default: false.",
    )


class Services(Model):
    """The microservices."""

    user: DatabaseService | None = Field(None, description="User profiles.")
    product: ProductService | None = Field(None, description="Catalogue, inventory and search.")
    order: DatabaseService | None = Field(None, description="Cart, checkout and orders.")
    payment: DatabaseService | None = Field(None, description="Payments and refunds.")
    notification: Microservice | None = Field(None, description="Emails to customers.")


class PaymentGateway(Model):
    """A payment gateway that speaks Stripe's protocol."""

    url: HttpUrl = Field(description="Base URL of its API, such as https://api.stripe.com.")
    secret_name: ObjectName = Field(
        description="Secret in the namespace <name>-services with the keys key, the API key, and webhook-secret, "
        "by which its webhooks are verified."
    )


class EmailSecurity(StrEnum):
    NONE = "None"
    START_TLS = "StartTls"
    TLS = "Tls"


class Email(Model):
    """An SMTP server."""

    host: HostName = Field(description="Host name or IPv4 address.")
    port: Port | None = Field(
        None, description="Port. Default: 587 with security StartTls, 465 with Tls, 25 with None."
    )
    sender: Annotated[str, StringConstraints(max_length=320, pattern=r"^[^@\s]+@[^@\s]+$")] = Field(
        alias="from", description="Address that customers see as the sender, such as shop@example.com."
    )
    security: EmailSecurity | None = Field(
        None, description="Encryption: StartTls (default), Tls from the first byte, or None."
    )
    secret_name: ObjectName | None = Field(
        None,
        description="Secret in the namespace <name>-services with the keys username and password. "
        "Default: no login.",
    )


class Shipping(Model):
    """A shipping API: rates and labels."""

    url: HttpUrl = Field(description="Base URL of its API.")
    secret_name: ObjectName = Field(
        description="Secret in the namespace <name>-services with the key key, the API key."
    )


class IdentityProvider(Model):
    """An OpenID Connect provider, at which customers sign in."""

    issuer: HttpUrl = Field(description="Issuer of the tokens, as in their claim `iss`.")
    audience: Annotated[str, StringConstraints(min_length=1, max_length=253)] = Field(
        description="For whom the tokens are, as in their claim `aud`."
    )
    jwks_uri: HttpUrl | None = Field(
        None, description="Where its public keys are. Default: <issuer>/.well-known/jwks.json."
    )


class ExternalSystems(Model):
    """Systems outside of the platform. What needs one that is not named here waits, or says so to the customer."""

    payments: PaymentGateway | None = Field(None, description="Payment gateway, used by the payment service.")
    email: Email | None = Field(None, description="SMTP server, used by the notification service.")
    shipping: Shipping | None = Field(None, description="Shipping API, used by the order service.")
    identity_provider: IdentityProvider | None = Field(
        None, description="OpenID Connect provider, used by the API gateway."
    )


class Storage(Model):
    """Volume of each store member."""

    size: Quantity | None = Field(None, description="Size of each member's volume. Default: the profile's.")
    storage_class_name: ObjectName | None = Field(
        None, description="StorageClass of the volumes. Default: the cluster's default class."
    )


class StoreMode(StrEnum):
    MANAGED = "Managed"
    EXTERNAL = "External"


class External(Model):
    """A store that runs elsewhere, such as a cloud database."""

    host: HostName = Field(description="Host name or IPv4 address.")
    port: Port | None = Field(None, description="Port. Default: the store's usual one.")
    secret_name: ObjectName = Field(
        description="Secret with the keys username and password. PostgreSQL: in the data namespace, of a role that "
        "may create roles and databases. Other stores: in the services namespace, what the services log in with.",
    )


class ExternalPostgres(External):
    """A PostgreSQL server that runs elsewhere."""

    max_connections: Annotated[int, Field(strict=True, ge=1)] | None = Field(
        None,
        description="Connections that the server allows to this Storefront. Default: 100, as PostgreSQL has it.",
    )


class ExternalElasticsearch(External):
    """An Elasticsearch cluster that runs elsewhere."""

    tls: Flag | None = Field(None, description="Whether it is reached by HTTPS. Default: true.")


class Store(Workload):
    """A data store: a cluster that the operator runs, or one that runs elsewhere."""

    mode: StoreMode | None = Field(
        None,
        description="Managed (default): the operator runs it. External: it runs elsewhere, see `external`.",
    )
    external: External | None = Field(None, description="Where it runs, with mode External.")
    storage: Storage | None = Field(None, description="Volume of each member.")

    @model_validator(mode="after")
    def _external_has_an_address(self) -> Store:
        if self.mode is StoreMode.EXTERNAL and self.external is None:
            raise ValueError("mode External needs external")
        if self.mode is not StoreMode.EXTERNAL and self.external is not None:
            raise ValueError("external is only used in mode External")
        return self


CLUSTER_WIDE_PARAMETERS = frozenset(
    {
        "hot_standby",
        "max_connections",
        "max_locks_per_transaction",
        "max_prepared_transactions",
        "max_replication_slots",
        "max_wal_senders",
        "max_worker_processes",
        "track_commit_timestamp",
        "wal_keep_size",
        "wal_level",
        "wal_log_hints",
    }
)
"""Settings that Patroni takes from the cluster's configuration alone (Patroni, "PostgreSQL parameters")."""


RESERVED_ENV_PREFIXES = ("PATRONI_", "POD_")
"""Variables of PostgreSQL's members by which they find and know each other."""


class Postgres(Store):
    """PostgreSQL with Patroni: a primary, one synchronous replica, the other members replicate after them."""

    external: ExternalPostgres | None = Field(None, description="Where it runs, with mode External.")
    members: Annotated[int, Field(strict=True, ge=1, le=9)] | None = Field(
        None, description="Members of the cluster, the primary included. Default: 3."
    )
    parameters: dict[str, str] | None = Field(
        None,
        description="postgresql.conf settings that win over the operator's, such as work_mem: 16MB. "
        "A change restarts the members one by one. Settings that must be the same on all members are the "
        "operator's alone, such as max_connections, which follows from what the services may open.",
    )

    @model_validator(mode="after")
    def _reserved_variables_are_not_set(self) -> Postgres:
        for variable in self.extra_env or ():
            if variable.name.startswith(RESERVED_ENV_PREFIXES):
                raise ValueError(
                    f"extraEnv: {variable.name!r} is the operator's own; "
                    f"allowed: names that do not start with {' or '.join(RESERVED_ENV_PREFIXES)}"
                )
        return self

    @model_validator(mode="after")
    def _parameters_are_per_member(self) -> Postgres:
        for name in sorted(set(self.parameters or ()) & CLUSTER_WIDE_PARAMETERS):
            raise ValueError(f"parameters: {name!r} must be the same on all members and cannot be set")
        return self


Quorum = Literal[1, 3, 5, 7]


class RabbitMq(Store):
    """RabbitMQ: the events between services, in quorum queues."""

    members: Quorum | None = Field(
        None, description="Members of the cluster; an odd number, so that a majority is clear. Default: 3."
    )


class Redis(Store):
    """Redis with Sentinel: cache and carts."""

    members: Annotated[int, Field(strict=True, ge=2, le=5)] | None = Field(
        None, description="Members: one primary, the others replicate it. Default: 2."
    )
    sentinels: Literal[3, 5, 7] | None = Field(
        None, description="Sentinels; a majority of them elects the primary. Default: 3."
    )


class Elasticsearch(Store):
    """Elasticsearch: product search."""

    external: ExternalElasticsearch | None = Field(None, description="Where it runs, with mode External.")
    members: Annotated[int, Field(strict=True, ge=1, le=9)] | None = Field(
        None, description="Members of the cluster, each of which may be elected. Default: 3."
    )
    heap_size: Quantity | None = Field(
        None,
        description="Java heap of each member; half of its memory limit at most. Default: the profile's.",
    )


class NetworkPolicies(Model):
    """Network policies: everything is denied but the connections that the platform needs."""

    enabled: Flag | None = Field(
        None, description="Write them. They are enforced where the cluster's network does so. Default: true."
    )


class PullSecret(Model):
    """Reference to an image pull secret."""

    name: ObjectName = Field(description="Name of a kubernetes.io/dockerconfigjson Secret in each namespace.")


class Images(Model):
    """Where the images come from."""

    registry: Annotated[str, StringConstraints(pattern=r"^\S+$", max_length=253)] | None = Field(
        None,
        description="Registry and path, such as registry.example.com/shop. "
        "Default: that of the operator's image.",
    )
    tag: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")] | None = Field(
        None, description="Tag of all images. Default: the operator's version."
    )
    pull_policy: PullPolicy | None = Field(None, description="Default: IfNotPresent.")
    pull_secrets: list[PullSecret] | None = Field(
        None,
        description="Pull secrets of all pods.",
        json_schema_extra={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]},
    )
    overrides: dict[str, Annotated[str, StringConstraints(pattern=r"^\S+$")]] | None = Field(
        None,
        description="Full image reference per image, such as postgres: registry.example.com/pg:15.1. "
        "Keys: elasticsearch, envoy, nginx, notification, order, payment, postgres, product, rabbitmq, redis, "
        "user, web-customer.",
    )

    @model_validator(mode="after")
    def _overrides_are_known(self) -> Images:
        unknown = sorted(set(self.overrides or ()) - IMAGE_NAMES)
        if unknown:
            raise ValueError(
                f"overrides: unknown image {unknown[0]!r}; allowed: {', '.join(sorted(IMAGE_NAMES))}"
            )
        return self


IMAGE_NAMES = frozenset(
    {
        "elasticsearch",
        "envoy",
        "nginx",
        "notification",
        "order",
        "payment",
        "postgres",
        "product",
        "rabbitmq",
        "redis",
        "user",
        "web-customer",
    }
)
"""Images that a Storefront runs; `storefront-dev images` builds them under these names."""


class StorefrontSpec(Model):
    """The platform you want."""

    domain: HostName = Field(description="Host name of the shop, such as shop.example.com.")
    profile: Profile | None = Field(
        None,
        description="Replica counts and sizes of everything not set below: Production (default) "
        "or Development.",
    )
    paused: Flag | None = Field(
        None,
        description="Stop reconciling: the operator changes nothing until this is false. Default: false.",
    )
    deletion_policy: DeletionPolicy | None = Field(
        None,
        description="What happens to the data when this Storefront is deleted. Retain (default): the data "
        "namespace with its volumes and credentials stays and a Storefront of the same name finds it again. "
        "Delete: it is deleted too.",
    )
    images: Images | None = Field(None, description="Where the images come from.")
    ingress: Ingress | None = Field(None, description="NGINX, the one public entry.")
    gateway: ScaledWorkload | None = Field(None, description="Envoy, the API gateway.")
    frontends: Frontends | None = Field(None, description="The web apps.")
    services: Services | None = Field(None, description="The microservices.")
    postgres: Postgres | None = Field(None, description="Relational data of all services.")
    rabbitmq: RabbitMq | None = Field(None, description="Events between the services.")
    redis: Redis | None = Field(None, description="Cache and carts.")
    elasticsearch: Elasticsearch | None = Field(None, description="Product search.")
    external: ExternalSystems | None = Field(
        None, description="Systems outside of the platform: payments, email, shipping, sign-in."
    )
    network_policy: NetworkPolicies | None = Field(None, description="Which connections are allowed.")

    def dumped(self) -> dict[str, Any]:
        """What was set, as plain camelCase data."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)
