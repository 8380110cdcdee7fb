"""The user service: who the customers are, where they live, and what becomes of their data."""
