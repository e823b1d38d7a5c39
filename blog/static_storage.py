"""Static files under names that carry a hash of their content, so browsers may keep them."""

from __future__ import annotations

from whitenoise.storage import CompressedManifestStaticFilesStorage


class HashedStaticFiles(CompressedManifestStaticFilesStorage):
    """Falls back to the plain name while ``collectstatic`` has not run, as in tests."""

    manifest_strict = False

    support_js_module_import_aggregation = True
    """A module imports others by names with a hash too, so that all of them are of one version."""
