"""Static files under names that carry a hash of their content, so browsers may keep them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.core.files.base import ContentFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

from blog.minifying import minified

OWN_SCRIPTS = "comments/"
"""Where our own scripts are; those of others, such as the admin's, are left as they came."""


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Minifies our scripts before they are hashed, and all is compressed after that.

    Falls back to the plain name while ``collectstatic`` has not run, as in tests.
    """

    manifest_strict = False

    support_js_module_import_aggregation = True
    """A module imports others by names with a hash too, so that all of them are of one version."""

    def post_process(
        self, paths: dict[str, Any], dry_run: bool = False, **options: Any
    ) -> Iterator[Any]:
        """Yields what became of each file, as ``collectstatic`` asks.

        Args:
            paths: of each collected name its storage and its path there.
        """
        if not dry_run:
            scripts = {name: self._minify(name, *found) for name, found in paths.items()}
            paths = {**paths, **{name: found for name, found in scripts.items() if found}}
        yield from super().post_process(paths, dry_run=dry_run, **options)

    def _minify(self, name: str, storage: Any, path: str) -> tuple[Any, str] | None:
        """Writes one of our scripts anew where it was collected, and returns where that is."""
        if not (self.clean_name(name).startswith(OWN_SCRIPTS) and name.endswith(".js")):
            return None
        with storage.open(path) as source:
            script = minified(source.read().decode())
        # Deleted, not written over: what was collected may be a link to the source.
        self.delete(name)
        return self, self.save(name, ContentFile(script.encode()))
