"""Users, addresses, administrators' actions, erasures and exports; the tables that all services share."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql
from storefront_common.messaging import shared_migrations

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

NOW = sa.text("now()")
# Copied from profiles/tables.py as it was: a migration does not change with the code.
TEXT = (
    "lower(regexp_replace((coalesce(chosen_name, '') || ' ' || coalesce(claimed_name, '') || ' ' || "
    "coalesce(email, '')) COLLATE \"und-x-icu\", '[^[:alnum:]]+', ' ', 'g'))"
)
WORDS = f"to_tsvector('simple', {TEXT})"


def upgrade() -> None:
    """Create the tables and the indexes behind every list and every search."""
    shared_migrations.create_v1()
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("subject", sa.String(255), nullable=False, unique=True),
        sa.Column("email", sa.Text),
        sa.Column("email_verified", sa.Boolean, nullable=False),
        sa.Column("claimed_name", sa.Text),
        sa.Column("chosen_name", sa.Text),
        sa.Column("phone", sa.String(20)),
        sa.Column("blocked", sa.Boolean, nullable=False, server_default="false"),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.Column("search", postgresql.TSVECTOR, sa.Computed(WORDS, persisted=True), nullable=False),
    )
    op.create_index("users_newest", "users", ["created_at", "id"])
    op.create_index(
        "users_search",
        "users",
        ["search"],
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )
    op.create_table(
        "addresses",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("line1", sa.Text, nullable=False),
        sa.Column("line2", sa.Text),
        sa.Column("postal_code", sa.String(16), nullable=False),
        sa.Column("city", sa.Text, nullable=False),
        sa.Column("country", sa.String(2), nullable=False),
        sa.Column("is_default", sa.Boolean, nullable=False),
        sa.Column("version", sa.Integer, nullable=False, server_default="1"),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
    )
    op.create_index("addresses_of_user", "addresses", ["user_id", "created_at", "id"])
    op.create_index(
        "addresses_one_default",
        "addresses",
        ["user_id"],
        unique=True,
        postgresql_where=sa.text("is_default"),
    )
    op.create_table(
        "admin_actions",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.Column("admin", sa.String(255), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("user_id", sa.Uuid, nullable=False),
        sa.Column("reason", sa.Text),
    )
    op.create_index("admin_actions_newest", "admin_actions", ["at", "id"])
    op.create_index("admin_actions_of_user", "admin_actions", ["user_id", "at", "id"])
    op.create_table(
        "erasures",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("subject_hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("subject", sa.String(255)),
        sa.Column("user_id", sa.Uuid),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.Column("completed_at", sa.DateTime(timezone=True)),
    )
    op.create_index("erasures_newest", "erasures", ["requested_at", "id"])
    op.create_index("erasures_user_id", "erasures", ["user_id"])
    op.create_table(
        "erasure_answers",
        sa.Column("erasure_id", sa.Uuid, sa.ForeignKey("erasures.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("service", sa.String(40), primary_key=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
    )
    op.create_table(
        "exports",
        sa.Column("id", sa.Uuid, primary_key=True),
        sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.Column("completed_at", sa.DateTime(timezone=True)),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("exports_of_user", "exports", ["user_id", "requested_at"])
    op.create_table(
        "export_parts",
        sa.Column("export_id", sa.Uuid, sa.ForeignKey("exports.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("service", sa.String(40), primary_key=True),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
    )
