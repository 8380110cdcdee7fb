"""The schema of the product database, step by step; every step keeps older images working."""
