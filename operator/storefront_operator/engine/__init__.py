"""Observe, render, plan, apply, prune, report: what makes the cluster match a Storefront."""
