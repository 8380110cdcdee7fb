"""The product service: catalogue, inventory and search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storefront_operator.api import Storefront
from storefront_operator.components.base import Component, Health, OnceJob
from storefront_operator.components.common import image_reference, merged_env
from storefront_operator.components.postgres import data_identity, database_secret
from storefront_operator.components.workloads import job_health, rolled_out_image, workload_health, worst
from storefront_operator.objects import Observed, fingerprint

MIGRATE_JOB = "product-migrate"
POOL_SIZE = 5


class Product(Component):
    """A stateless Deployment; its schema is migrated by a Job before a new image rolls out."""

    name = "product"
    condition = "ProductReady"

    def jobs(self, storefront: Storefront, observed: Observed) -> Sequence[OnceJob]:
        version = fingerprint(
            {
                "image": image_reference(storefront, "product"),
                "sampleCatalogue": storefront.spec["services"]["product"]["sampleCatalogue"],
                "data": data_identity(storefront, observed),
            }
        )
        return (OnceJob(MIGRATE_JOB, version, storefront.namespace("services")),)

    def context(self, storefront: Storefront, observed: Observed) -> Mapping[str, Any]:
        spec = storefront.spec["services"]["product"]
        namespace = storefront.namespace("services")
        new_image = image_reference(storefront, "product")
        (job,) = self.jobs(storefront, observed)
        migrated = job.is_done(storefront)
        # The schema comes first: until the Job of a new image has succeeded, the old image keeps serving.
        image = new_image if migrated else rolled_out_image(observed, namespace, self.name) or new_image
        env = {
            "DATABASE_HOST": f"postgres-rw.{storefront.namespace('data')}",
            "DATABASE_PORT": "5432",
            "DATABASE_NAME": self.name,
            "DATABASE_USER": self.name,
            "DATABASE_PASSWORD_FILE": "/etc/storefront/postgres/password",
            "DATABASE_POOL_SIZE": str(POOL_SIZE),
        }
        return {
            "workload": spec,
            "image": image,
            "new_image": new_image,
            "env": merged_env(env, spec),
            "migrate_job": None if migrated else job.object_name,
            "migrate_args": ["migrate", *(["--sample-catalogue"] if spec["sampleCatalogue"] else [])],
            "credentials": observed.secret_data(storefront.namespace("data"), database_secret(self.name)),
        }

    def health(self, storefront: Storefront, observed: Observed) -> Health:
        deployment = workload_health(observed, "Deployment", storefront.namespace("services"), self.name)
        jobs = self.jobs(storefront, observed)
        return worst(deployment, job_health(storefront, observed, jobs, serving=deployment.ready))
