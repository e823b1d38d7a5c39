"""Scripts without their comments and spaces, as ``collectstatic`` stores them for readers.

Names and statements stay as they were written, so that what a browser reports can be found in the
source. Developers are served the sources themselves.
"""

from __future__ import annotations

try:
    import rjsmin
except ImportError:  # where it has no wheels: scripts are only larger there
    rjsmin = None


def minified(script: str) -> str:
    """Returns a script that does the same and is smaller, or the script itself.

    Args:
        script: in which no template literal that stands within another has a space in it: those
            are taken for code.
    """
    if rjsmin is None:
        return script
    text: str = rjsmin.jsmin(script)
    return text


def minifier() -> str:
    """Returns what scripts are made smaller by, with its version; empty where nothing does."""
    return "" if rjsmin is None else f"rjsmin {rjsmin.__version__}"
