"""The schema of the user database, step by step; every step keeps older images working."""
