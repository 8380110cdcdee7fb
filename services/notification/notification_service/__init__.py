"""The notification service: it writes to customers about their orders, and keeps nothing of them."""
