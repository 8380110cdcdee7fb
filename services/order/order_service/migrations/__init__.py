"""The schema of the order database, step by step; every step keeps older images working."""
