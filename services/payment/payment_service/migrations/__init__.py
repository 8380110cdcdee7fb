"""The schema of the payment database, step by step; every step keeps older images working."""
