"""The admin: what is stored can be searched and read; what the product decides is not edited."""

from comments.admin import moderation, people, sites, threads

__all__ = ["moderation", "people", "sites", "threads"]
