"""Orders: checkout, their life, their labels."""
