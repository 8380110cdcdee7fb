"""What a cloud gives a cluster, on one machine: volumes, and load balancers that are reachable from
outside.
"""
