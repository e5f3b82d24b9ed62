"""Texts of prompts: what is wrong with one, filling it in, and SSML of it.

``text_mistake`` and ``ssml_mistake`` return what is wrong, empty where nothing is; nothing raises.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Final

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

COMPANY: Final = "company"
PURPOSE: Final = "purpose"
PLACEHOLDERS: Final = frozenset({COMPANY, PURPOSE})
_BRACED: Final = re.compile(r"\{([a-z]*)\}")
_ENTITY: Final = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)")
_SENTENCE: Final = re.compile(r"(?<=[.!?]) +")
_WORDS: Final = re.compile(r"[^\W_]+|\{[a-z]+\}")
_NAMESPACE: Final = "http://www.w3.org/2001/10/synthesis"
_MOST_ELEMENTS: Final = 200


def text_mistake(text: str, longest: int) -> str:
    """What is wrong with a prompt's text, in words; empty: nothing.

    Args:
        text: with placeholders.
        longest: characters that it may have.
    """
    plain = _BRACED.sub("", text)
    if mistake := _mistake_of_both(text, longest):
        return mistake
    if "<" in plain or ">" in plain:
        return "a text has no elements; write them under ssml"
    return "" if _WORDS.search(plain) else "it says nothing but a name"


def ssml_mistake(ssml: str, text: str, longest: int) -> str:
    """What is wrong with a prompt's SSML: its form, or that it speaks other words than the text.

    Args:
        ssml: with placeholders.
        text: the plain text, with the same placeholders.
        longest: characters that it may have.
    """
    if mistake := _mistake_of_both(ssml, longest):
        return mistake
    if "<!" in ssml or "<?" in ssml or _ENTITY.search(ssml):
        return "no declarations, comments or entities of its own"
    try:
        root = fromstring(ssml)
    except (ParseError, DefusedXmlException) as error:
        return f"not well-formed ({error})"
    names = [element.tag.rpartition("}")[2] for element in root.iter()]
    if names[0] != "speak" or "audio" in names or len(names) > _MOST_ELEMENTS:
        return f"one element speak of at most {_MOST_ELEMENTS} elements, none of them audio"
    if any(_BRACED.search(value) for one in root.iter() for value in one.attrib.values()):
        return "no placeholders in attributes"
    same = _spoken(" ".join(root.itertext())) == _spoken(text)
    return "" if same else "it speaks other words than text"


def placeholders(text: str) -> frozenset[str]:
    """The names in braces."""
    return frozenset(_BRACED.findall(text))


def filled(text: str, values: Mapping[str, str], *, escaped: bool = False) -> str:
    """A text with what is known in its placeholders; the others stay.

    Args:
        text: with placeholders.
        values: by placeholder.
        escaped: whether the text is SSML, in which a value's ``&`` is written out.
    """

    def value(found: re.Match[str]) -> str:
        known = values.get(found[1])
        if known is None:
            return found[0]
        return html.escape(known, quote=False) if escaped else known

    return _BRACED.sub(value, text)


def ssml_of(text: str, language: str) -> str:
    """SSML 1.1 of a text, a sentence an element; placeholders stay."""
    sentences = "".join(
        f"<s>{html.escape(one, quote=False)}</s>" for one in _SENTENCE.split(text.strip())
    )
    head = f'<speak version="1.1" xmlns="{_NAMESPACE}" xml:lang="{language}">'
    return f"{head}<p>{sentences}</p></speak>"


def _mistake_of_both(text: str, longest: int) -> str:
    plain = _BRACED.sub("", text)
    if len(text) > longest:
        return f"longer than {longest} characters"
    if any(not char.isprintable() and char != "\n" for char in text):
        return "it holds a character that can't be printed or spoken"
    if "{" in plain or "}" in plain or placeholders(text) - PLACEHOLDERS:
        return "the only placeholders are {company} and {purpose}"
    if COMPANY not in placeholders(text):
        return "{company} is missing: a prompt says who records"
    return ""


def _spoken(text: str) -> list[str]:
    return _WORDS.findall(text.casefold())
