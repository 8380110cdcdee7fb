"""From templates and data to Kubernetes objects; pure."""

from storefront_operator.rendering.finish import finish
from storefront_operator.rendering.templates import RenderError, render_folder

__all__ = ["RenderError", "finish", "render_folder"]
