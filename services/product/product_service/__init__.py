"""The product service: catalogue, inventory and pictures of the shop."""
