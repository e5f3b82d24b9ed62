"""The templates of the HTML reports."""

from __future__ import annotations

from collections.abc import Callable

import jinja2


def page_template(name: str, **filters: Callable[..., object]) -> jinja2.Template:
    """A template of ``agents/templates``; what it is given is escaped, what is missing raises.

    Args:
        name: file name.
        filters: what the template calls, by name.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("agents", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    return environment.get_template(name)
