"""What every service needs for events and tasks; idempotency keys are there already."""

from storefront_common.messaging import shared_migrations

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create outbox, inbox and tasks."""
    shared_migrations.create_v1(idempotency=False)
