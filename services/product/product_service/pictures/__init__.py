"""Pictures of products, drawn by code: the same product always looks the same."""
