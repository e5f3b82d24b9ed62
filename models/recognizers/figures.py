"""Figures of speech that name an illness, a part of the body or a treatment and mean none.

"A stroke of luck", "this form is giving me an ulcer", a webinar on diabetes.
"""

from __future__ import annotations

import re
from typing import Final

from models.patterns import Worded
from models.spoken import Turn

_IDIOMS: Final = Worded(
    r"\b(?:(?:chair|table|desk|bed|sofa|couch|trouser|chicken|lamb|bar|lamp|clock|watch|bottle"
    r"|shirt"
    r"|jacket|laptop|door|guitar|violin|stool|bench|pump|valve|machine) (?:back|leg|arm|foot"
    r"|feet|face"
    r"|head|neck|mouth|hand)s?|sight for sore eyes|blood pressure (?:monitors?|machines?"
    r"|cuffs?)|throw(?:s|ing)? up (?:an?|the|errors?|problems?|issues?|messages?)"
    r"|stroke of (?:luck|genius|midnight)|heart of|by heart|sick and tired"
    r"|cold (?:call|feet|water"
    r"|weather|drinks?)|pain in the neck|headache (?:to|for) (?:deal|set|return)"
    r"|back pain relief cream"
    r"|(?:two|four|back|breast|pen|key|brush) strokes?(?: (?:engine|oil|mower|mix|bike))?"
    r"|baby (?:monitors?|seats?|gates?|wipes|food|bouncer|grows?|carrier|sling|clothes|shower|bath"
    r"|walker|bottles?|swing|camera)|rash of (?!spots|blisters|bumps)\w+"
    r"|legs? broken (?:clean )?off"
    r"|(?:wheezing|coughing|groaning|choking) (?:noise|sound)s?"
    r"|(?:market|markets|economy|industry|business|engine|shares|wallet)(?: (?:has|had|have|having"
    r"|almost|nearly|just))* a heart attack|(?:low|high) pressure (?:hose|valve|pump|washer|system"
    r"|switch|warning|light)|head of|on the other hand|at hand|second hand|face value|in the back"
    r"|back of|foot of the"
    r"|eye on|leg of|heads up|arms? and a leg|side of the|under pressure|water pressure"
    r"|air pressure"
    r"|tire pressure|oil pressure|problem with (?:the|my) (?:back|side|head)(?:rest"
    r"| panel|phones?|light))\b"
)
_SCARE: Final = (
    r"(?:heart attack|stroke|migraine|headache|aneurysm|panic attack|anxiety attack|coronary"
    r"|seizure|fit|ulcer|hernia|nervous breakdown)"
)
_FIGURATIVE: Final = Worded(
    rf"\b(?:(?:almost|nearly|practically|just about|about to|gonna|going to)"
    rf"(?: \w+){{0,3}} {_SCARE}"
    rf"|(?:gave|giving|gives|give|given) (?:me|us|him|her|you|them|everyone|everybody|people|anyone"
    rf"|my \w+|the \w+|our \w+) (?:a|an|such a)(?: \w+)? {_SCARE}s?"
    r"|(?:its|is|was|things|thats|jobs|forms|apps|sites|been|such|what|be|real|total|huge"
    r"|whole|big|another) an?(?: \w+)? (?:headache"
    r"|migraine|nightmare|pain)(?: (?!in\b)\w+)?|(?:real|total|huge|major|big) (?:headache|pain)"
    rf"|(?:had|have|having) an? {_SCARE} (?:when|about|over|at|because|looking|reading|seeing)"
    r"|(?:that|it|this|which|price|bill|music|news) (?:just |all |really )?(?:makes?|made|making)"
    r" (?:me|us) (?:feel )?(?:quite |really |a bit |so |rather )?(?:sick|ill|poorly|faint|dizzy"
    r"|queasy|nauseous)"
    r"|(?:dying|died|die|dead|death) (?:of|from|with) (?:boredom|laughter|embarrassment|shame"
    r"|thirst"
    r"|hunger|curiosity|excitement|cold|heat|happiness|waiting|shock)"
    r"|(?:my|his|her|your|their|our) hearts? (?:is |was |gets? |got |been |s )?(?:broken|breaking"
    r"|bleeds|sank|sinking|stopped|skipped a beat|melted)|(?:broke|breaks|break|breaking) (?:my|his"
    r"|her|your|their|our) hearts?|heart ?broken|teething (?:problems?|troubles?|issues?)"
    r"|(?:bit|touch|spot|piece) of surgery|surgery on (?:it|this|that|them|the)|major surgery"
    r"|fever pitch|cabin fever|buck fever|gold fever|sick (?:to death|of|and tired)"
    r"|(?:dying|died|die) (?:to|when|of laughter|laughing|of embarrassment)|makes? me (?:sick|ill)"
    r"|allergic to (?:paperwork|work|small talk|drama|mornings|exercise|spending|phones?"
    r"|phone calls|commitment|lines|waiting|people|technology|computers)|blind spots?|deaf ears"
    r"|turn a blind eye"
    r"|(?:bled|bleeding) (?:me|us|money|ink)|growing pains|lumps in (?:it|the (?:gravy|mix|batter"
    r"|paint|sauce|custard|plaster))"
    r"|(?:clutch|motor|element|bulb|fuse|engine|coil|starter|wiring|switch)(?: (?:is|has|had|was"
    r"|s|just|all))* burnt? out|burnt? out (?:clutch|motor|element|bulb|fuse|coil|switch)"
    r"|surgery on (?:its|their|our|your) \w+|ears?(?: \w+){0,2} (?:glued|falling off)"
    r"|cancer of|cough up|choke points?)\b"
)
"""What people say of prices and forms; in a call about health it is meant."""
_TRADE: Final = Worded(
    r"\b(?:webinars?|seminars?|workshops?|courses?|(?:a|the) talk|lectures?|leaflets?"
    r"|brochures?|posters?"
    r"|articles?|books?|podcasts?|documentar(?:y|ies)|training|modules?|sessions?|research"
    r"|stud(?:y|ies)"
    r"|campaigns?|fundraisers?|charit(?:y|ies)|policy|guidance|awareness|conference|blog)"
    r"(?: \w+)? (?:on|about|into|around)(?: the| new)?(?: (?!(?:my|his|her|me|our)\b)\w+){1,3}\b"
)
_SERVED: Final = Worded(
    r"\b(?:\w+ ){1,3}(?:awareness|webinar|charity|fundraiser|campaign|leaflet|posters?|society"
    r"|foundation|conference|research (?:fund|trust|uk)|(?:fun )?run|appeal|training|workshop"
    r"|(?:unit|clinic|ward|department|centre|center|helpline|team"
    r"|service) (?:\w+ )?(?:speaking|here"
    r"|how can))\b",
)
"""Those who teach of illnesses, collect money for them, or answer the phone of a ward."""
_WEARY: Final = Worded(
    r"\b(?:my|me)(?: poor| left| right)? (?:ears?|arms?|hands?|heads?|brains?|necks?|voice|throat"
    r"|bum|backside|thumbs?|fingers?)(?: is| has| have| are| hes| all| just| nearly| practically)*"
    r"(?: gone| going| went| getting| gets)? (?:numb|dead|sore|dropping off|falling off|ringing"
    r"|bleeding|hurting|hurts?|aching|aches?|worn out)\b"
)
_HELD: Final = re.compile(
    r"\b(?:on hold|holding|hold music|that music|your music|the music|queue|queue?ing|been waiting"
    r"|kept waiting|typing|clicking|button|redial\w*)\b"
)
"""What people are weary of who say that an ear has gone numb."""
_PERSONAL: Final = re.compile(r"\b(?:my|his|her|i|ive|im|shes|hes)\b")


def figures(turn: Turn) -> list[tuple[int, int]]:
    """Tokens ``[first, last)`` of a turn that are no more than a manner of speaking."""
    found = [(one.first, one.last) for one in turn.search(_IDIOMS)]
    found += exaggerated(turn)
    found += taught(turn)
    if not _PERSONAL.search(turn.plain):
        found += [(one.first, one.last) for one in turn.search(_SERVED)]
    return found


def exaggerated(turn: Turn) -> list[tuple[int, int]]:
    """Tokens of what people say of prices and queues; in a call about health it is meant."""
    if turn.medical:
        return []
    found = [(one.first, one.last) for one in turn.search(_FIGURATIVE)]
    weary = [(one.first, one.last) for one in turn.search(_WEARY)]
    return found + (weary if weary and _HELD.search(turn.plain) else [])


def taught(turn: Turn) -> list[tuple[int, int]]:
    """Tokens of what a leaflet or a talk is about."""
    return [(one.first, one.last) for one in turn.search(_TRADE)]


def within(hit: tuple[int, int], spans: list[tuple[int, int]]) -> bool:
    """Whether tokens ``[first, last)`` overlap any of some spans."""
    return any(first < hit[1] and hit[0] < last for first, last in spans)
