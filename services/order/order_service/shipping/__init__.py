"""What shipping costs, and labels."""
