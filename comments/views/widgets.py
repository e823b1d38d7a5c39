"""What one types into, as HTML: by Jinja, which takes a third of the time of Django's templates."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.forms.renderers import Jinja2
from django.utils.html import conditional_escape
from django.utils.safestring import mark_safe

_INPUTS = {f"django/forms/widgets/{name}.html" for name in ("text", "email", "radio_option")}


class _Widgets(Jinja2):
    """An ``<input>``, of which a page has nine, is written at once: by three templates, as Django
    does it, one takes as long as two comments."""

    def render(self, template_name: str, context: dict[str, Any], request: Any = None) -> str:
        """Returns the element."""
        widget = context["widget"]
        if template_name not in _INPUTS or widget.get("wrap_label"):
            return super().render(template_name, context, request)
        value = {} if widget["value"] is None else {"value": widget["value"]}
        named = {"type": widget["type"], "name": widget["name"], **value}
        return mark_safe(f"<input{_attributes(named)}{_attributes(widget['attrs'])}>")


def _attributes(values: Mapping[str, Any]) -> str:
    return "".join(
        f" {name}" if value is True else f' {name}="{conditional_escape(value)}"'
        for name, value in values.items()
        if value is not False
    )


WIDGETS = _Widgets()
