"""What a cloud gives a cluster, on one machine: volumes, load balancers that are reachable from outside, and a
network that enforces policies.
"""
