"""What an agent would say and what a customer would: learnt from the labelled calls.

A logistic model over the words of a stretch, their pairs, and the types of what was silenced in it;
never over values. Its probabilities are those of stretches as ``separation`` parts them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).parent / "weights" / "roles.json"
_WORD: Final = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_MOST: Final = 4.0
"""No stretch is surer than this: about 98 %."""


def features(text: str, entities: Iterable[str] = ()) -> set[str]:
    """What is looked at of a stretch.

    Args:
        text: its words, without placeholders.
        entities: types of its placeholders.
    """
    words = [word.replace("\u2019", "'") for word in _WORD.findall(text.lower())]
    found = {*words, *(f"{one} {other}" for one, other in pairwise(words))}
    found |= {f"[{entity}" for entity in entities}
    if words:
        found.add(f"^{words[0]}")
    if text.rstrip().endswith("?"):
        found.add("?")
    return found


@cache
def weights() -> Mapping[str, float]:
    """The shipped weights, by feature."""
    told: dict[str, float] = json.loads(FILE.read_text("utf-8"))
    return told


def agent_odds(text: str, entities: Iterable[str] = ()) -> float:
    """Log-odds that an agent says a stretch and no customer; 0 where nothing tells.

    Args:
        text: its words, without placeholders.
        entities: types of its placeholders.
    """
    known = weights()
    # Exactly rounded: a set has another order in each process.
    found = math.fsum(known.get(one, 0.0) for one in features(text, entities))
    return max(-_MOST, min(_MOST, found))
