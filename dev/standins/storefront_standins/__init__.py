"""Stand-ins for the external systems of a Storefront, for development and tests only: they guard nothing."""
