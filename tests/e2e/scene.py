"""What somebody would look at first when a test has failed."""

from __future__ import annotations

from storefront_dev import platform

from tests.e2e.kubectl import Kubectl

_OPERATOR_LINES = 60


def scene(kubectl: Kubectl) -> str:
    """The conditions of all Storefronts, the pods that do not serve, and the operator's last words."""
    parts = [
        _conditions(kubectl),
        _asked(kubectl, "get", "pods", "--all-namespaces", "-o", "wide"),
        _asked(
            kubectl,
            "logs",
            f"--namespace={platform.NAMESPACE}",
            f"--selector=app.kubernetes.io/name={platform.RELEASE}",
            f"--tail={_OPERATOR_LINES}",
            "--prefix",
        ),
    ]
    return "\n\n".join(parts)


def _conditions(kubectl: Kubectl) -> str:
    columns = (
        '{range .items[*]}{"\\n"}{.metadata.name}{range .status.conditions[*]}{"\\n  "}{.type}={.status} {.reason}: '
        "{.message}{end}{end}"
    )
    return _asked(kubectl, "get", "storefronts", "-o", f"jsonpath={columns}")


def _asked(kubectl: Kubectl, *arguments: str) -> str:
    answer = kubectl.attempt(*arguments)
    return f"$ kubectl {arguments[0]} {arguments[1]}\n{answer.stdout or answer.stderr}"
