"""Storefront operator: an e-commerce platform on Kubernetes from one resource."""

__version__ = "0.1.0"
