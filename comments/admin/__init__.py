"""The admin: what is stored can be searched and read; what the product decides is not edited."""

from comments.admin import people, sites, threads

__all__ = ["people", "sites", "threads"]
