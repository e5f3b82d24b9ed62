"""The templates of the HTML reports, and how every page of ours is made of templates."""

from __future__ import annotations

from collections.abc import Callable

import jinja2


def environment(package: str, **filters: Callable[..., object]) -> jinja2.Environment:
    """Templates of a package; what they are given is escaped, what is missing raises.

    Args:
        package: with a folder ``templates``.
        filters: what the templates call, by name.
    """
    made = jinja2.Environment(
        loader=jinja2.PackageLoader(package, "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(filters)
    return made


def page_template(name: str, **filters: Callable[..., object]) -> jinja2.Template:
    """A template of ``agents/reports/templates``.

    Args:
        name: file name.
        filters: what the template calls, by name.
    """
    return environment("agents.reports", **filters).get_template(name)
