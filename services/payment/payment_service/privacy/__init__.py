"""What the service knows about people: which payments are whose."""
