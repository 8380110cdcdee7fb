"""What administrators can see and do."""
