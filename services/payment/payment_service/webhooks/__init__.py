"""What the gateway tells by itself."""
