"""The embedded Kubernetes cluster and the image builder: what a machine without Kubernetes needs."""
