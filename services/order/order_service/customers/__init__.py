"""The copy of what the user service knows of customers."""
