"""Durable work outside transactions: calls to external systems, and what has to be done later."""

from storefront_common.tasks.queue import enqueue
from storefront_common.tasks.runner import Handler, Reschedule, Task, TaskRunner

__all__ = ["Handler", "Reschedule", "Task", "TaskRunner", "enqueue"]
