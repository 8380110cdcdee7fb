"""The stand-ins for the external systems, as pods of a cluster."""
