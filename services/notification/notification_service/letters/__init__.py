"""What is written to customers, as text and as HTML."""
