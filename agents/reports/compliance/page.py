"""The report as a page: one HTML file that needs nothing from elsewhere, or the inside of one.

It holds no script, and no style in an attribute, so that the console's content security policy lets
it through. Outcomes: the text; nothing is raised.
"""

from __future__ import annotations

from typing import Final

from markupsafe import Markup, escape

from agents.reports.check_words import words_of
from agents.reports.compliance.report import Report
from agents.reports.entity_groups import label_of
from agents.reports.templating import page_template

STATES: Final = {
    "covered": "covered",
    "partly": "partly",
    "yours": "yours",
    "outside": "does not apply",
    "overdue": "overdue",
    "due": "due",
    "ok": "in time",
    "none": "no date",
}
"""What states are called."""


def html_file(report: Report) -> str:
    """The report as one file."""
    template = page_template("compliance.html")
    return template.render(title=_title(report), body=body(report, unfolded=True))


def body(report: Report, *, unfolded: bool = False) -> str:
    """The inside of the page as HTML, for a page of somebody else's; values in it are escaped.

    Args:
        report: the report.
        unfolded: whether its parts are open, as for printing.
    """
    template = page_template(
        "_compliance.html",
        label=label_of,
        state=STATES.get,
        words=_words,
        coded=_coded,
        check=lambda name: words_of(name).title,
    )
    return template.render(report=report, parts=report.parts, unfolded=unfolded)


def _title(report: Report) -> str:
    return f"Compliance, {report.month.title}"


def _words(name: str) -> str:
    """A name of the rules for people: ``all_parties`` becomes "all parties"."""
    return name.replace("_", " ")


def _coded(text: str) -> Markup:
    """A text whose words between backticks are code."""
    pieces = [
        Markup("<code>{}</code>").format(piece) if place % 2 else escape(piece)
        for place, piece in enumerate(text.split("`"))
    ]
    return Markup("").join(pieces)
