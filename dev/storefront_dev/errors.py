"""What goes wrong in the embedded cluster, in words that say what to do next."""


class ClusterError(Exception):
    """The cluster, or a part of it, could not do what was asked."""


class MachineError(ClusterError):
    """This machine cannot carry nodes; `lacks` has one line for each thing that is missing."""

    def __init__(self, lacks: list[str]) -> None:
        super().__init__(
            "this machine cannot carry the embedded cluster; it lacks:\n"
            + "\n".join(f"  - {each}" for each in lacks)
            + "\nCLUSTER=simulated needs none of that: the API server is real, pods are simulated"
        )
        self.lacks = lacks


class RefusedError(ClusterError):
    """The operation would damage a cluster that this repository did not create."""
