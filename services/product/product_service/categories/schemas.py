"""What the API of categories takes and gives."""

from storefront_common.schemas import Model, Name, Slug


class CategoryDraft(Model):
    """A category to be created."""

    slug: Slug
    name: Name


class CategoryChange(Model):
    """What changes in a category; its slug is its identity and never changes."""

    name: Name


class CategoryView(Model):
    """A department of the shop and how many products it has."""

    slug: str
    name: str
    count: int
    """Products that are listed in it."""


class CategoryQuery(Model):
    """Which categories to list."""

    empty: bool = False
    """Also those without products; for administrators."""


class CategoryList(Model):
    """Departments of the shop, by name."""

    items: list[CategoryView]
