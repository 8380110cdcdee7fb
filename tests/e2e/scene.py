"""What somebody would look at first when a test has failed."""

from __future__ import annotations

import json

from storefront_dev import platform

from tests.e2e.kubectl import Kubectl
from tests.e2e.rollout import is_ready

_OPERATOR_LINES = 60
_POD_LINES = 40


def scene(kubectl: Kubectl) -> str:
    """The conditions of all Storefronts, the pods, and the last words of the operator and of pods that do not serve."""
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
        *_words_of_unready_pods(kubectl),
    ]
    return "\n\n".join(parts)


def _words_of_unready_pods(kubectl: Kubectl) -> list[str]:
    answer = kubectl.attempt("get", "pods", "--all-namespaces", "-o", "json")
    pods = json.loads(answer.stdout)["items"] if answer.stdout else []
    names = [
        (pod["metadata"]["name"], pod["metadata"]["namespace"])
        for pod in pods
        if pod["status"].get("phase") == "Running" and not is_ready(pod)
    ]
    return [
        _asked(kubectl, "logs", name, f"--namespace={namespace}", "--all-containers", f"--tail={_POD_LINES}")
        for name, namespace in names
    ]


def _conditions(kubectl: Kubectl) -> str:
    columns = (
        '{range .items[*]}{"\\n"}{.metadata.name}{range .status.conditions[*]}{"\\n  "}{.type}={.status} {.reason}: '
        "{.message}{end}{end}"
    )
    return _asked(kubectl, "get", "storefronts", "-o", f"jsonpath={columns}")


def _asked(kubectl: Kubectl, *arguments: str) -> str:
    answer = kubectl.attempt(*arguments)
    return f"$ kubectl {arguments[0]} {arguments[1]}\n{answer.stdout or answer.stderr}"
