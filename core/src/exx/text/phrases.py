"""The words people and models decline to answer with, in English; all in the form that ``gentle`` gives."""

from __future__ import annotations

import re

_PASSAGE = (
    r"(?:(?:the|this|that|your) )?(?:(?:given|provided|above|supplied|following|available|entire|short) )*"
    r"(?:passage|text|context|article|paragraph|document|excerpt|information|material|source|sources|snippet|question"
    r"|search results|web results)(?: (?:that )?(?:is |was |you )?(?:given|provided|above|available|itself|alone))?"
)
_TOLD = (
    r"(?:mentioned|stated|specified|given|provided|included|contained|indicated|told|answered|revealed|explained"
    r"|described|discussed|identified|named|addressed|disclosed|listed|covered|found|available|known|clear|clarified"
    r"|present|determined|answerable|explicit|supplied|stated explicitly)"
)
_TELLS = (
    r"(?:say|state|mention|specify|provide|contain|include|give|indicate|tell|answer|reveal|explain|describe|discuss"
    r"|identify|name|address|disclose|have|offer|list|cover|clarify|make (?:it )?clear|elaborate|talk about|define|refer to)"
)
_FINDS = (
    r"(?:answer|determine|say|tell|find|provide|give|identify|locate|confirm|be (?:sure|certain)|help|infer|verify|state"
    r"|access|specify|know|recall|see|offer|comment|respond|be determined|assist)"
)
_HOW = r"(?:(?:really|honestly|actually|just|still|simply|currently|yet|explicitly|directly|specifically|clearly|even|also|currently|to|be|seem to|appear to|definitively|accurately|confidently|reliably) )*"
_NOT = r"(?:(?:do|does|did) not|don't|doesn't|didn't|dont|doesnt|never|fails? to)"
_CANNOT = (
    r"(?:cannot|can't|can not|cant|could not|couldn't|(?:am|is|was|are|were) (?:unable|not able)|'m (?:unable|not able)"
    r"|(?:am|was|'m) not in a position|would not be able|will not be able|won't be able)"
)
_LACKING = r"(?:no|not enough|insufficient|not sufficient|little|too little|not any)"
_STUFF = (
    r"(?:(?:clear|direct|explicit|specific|definite|relevant|further|sufficient|enough|such|reliable|definitive|the"
    r"|any|other|additional|particular|real-time|available|mention of(?: the| an)?) )*"
    r"(?:answer|answers|information|info|mention|indication|data|details?|evidence|reference|context|knowledge|way to"
    r"|statement|clue|idea|record|access|results?)"
)
_IS = r"(?:is|was|are|were|has been|have been)(?:n't| not|n't been| not been)?"
_ISNT = r"(?:(?:is|was|are|were) not|(?:is|was|are|were)n't|not|never|(?:is|was) never|(?:has|have) not been|hasn't been)"
_IN_PASSAGE = rf"(?:anywhere |here )?(?:(?:in|by|from|within|based on|given|according to|with|on) {_PASSAGE})"

LEAD_IN = re.compile(
    rf"(?:(?:well|um+|uh+|hmm+|oh|ok|okay|unfortunately|regrettably|sadly|honestly|frankly|actually|sorry"
    r"|no|apologies|my apologies|i apologi[sz]e|i'?m (?:very |so |really )?sorry|'?m sorry|i am (?:very |so )?sorry"
    r"|i'm afraid(?: that)?|i am afraid(?: that)?|to be honest"
    r"|as an ai(?: language model| assistant| model)?|as a language model"
    r"|as of [^,;]{1,60}?|at this time|(?:(?:based |relying )?(?:only |solely |strictly )?(?:on|from|in)|according to|given"
    rf"|after reading|having read) {_PASSAGE}|i (?:think|believe|would say|must say|have to say)(?: that)?"
    r"|it (?:seems|appears|looks like)(?: that)?|(?:since|because|as) [^,]{1,80}(?=,))"
    r"(?:\s*[,:.!-]+\s*|\s+)(?:but |however,? |that |and )?)+"
)
"""What may come before declining without changing it."""

BARE = frozenset(
    """
    unknown|unanswerable|not answerable|unclear|undetermined|unspecified|no answer|no answer possible|no answer found
    no answer available|no answer given|no answer provided|no answer in the passage|n/a|n.a|not applicable
    not available|not stated|not mentioned|not given|not specified|not provided|not known|not found|not clear
    not sure|unsure|uncertain|not certain|not enough information|not enough info|not enough context|no information
    no information available|no information provided|no information given|insufficient information|no idea|no clue
    insufficient context|insufficient data|not enough data|cannot be determined|can't be determined
    cannot be answered|can't be answered|cannot answer|can't answer|cannot say|can't say|cannot determine
    can't determine|cannot tell|can't tell|unable to answer|unable to determine|unable to say|don't know|do not know
    dont know|dunno|i dunno|idk|i don't|i do not|i can't|i cannot|not possible to answer|not possible to determine
    impossible to say|impossible to determine|impossible to tell|hard to say|no comment|not determinable
    information not provided|information not available|information not given|answer not found|answer not provided
    answer not available|answer unknown|not in passage|not in context|not in the passage|not in the text
    not in the context|no mention|none given|none mentioned|none stated|none provided|none specified
    cannot be determined from the passage|no answer is given|no such information|i have no answer|not disclosed
    not answerable from the passage|it depends|i give up|who knows|beats me|don't remember|i don't remember
    i do not remember|i can't remember|i cannot remember|i forgot|not reported|not indicated|not listed
    """.replace("\n", "|").replace(" |", "|").replace("| ", "|").split("|")
) - {"", "it depends"}
BARE = frozenset(phrase.strip() for phrase in BARE) - {""}
"""What declines when it is all that is said."""

_SPEAKER = (
    rf"(?:(?:so|and) )?(?:i|we)(?: |(?='m)){_HOW}(?:"
    rf"{_NOT} {_HOW}(?:know|understand|recall|remember)(?=$|[ ,]*(?:$|,|sorry|the|this|that|what|who|whom|whose|when|where|which"
    r"|why|if|whether|about|any|enough|based|from|because|since|for|anything|his|her|its|their|it|how (?!to )|of|but|and|exactly))"
    rf"|{_NOT} {_HOW}have {_STUFF}|{_NOT} {_HOW}(?:see|find) {_STUFF}"
    rf"|have {_HOW}{_LACKING} {_STUFF}|lack {_STUFF}"
    rf"|{_CANNOT} {_HOW}{_FINDS}"
    r"|(?:am|'m|was) (?:\w+ ly )?(?:not (?:entirely |really |quite |completely |at all |100% )?(?:sure|certain|aware)|unsure|uncertain"
    r"|unaware|unfamiliar|not familiar)"
    r")"
)
_PASSAGE_DECLINES = (
    rf"(?:(?:that|since|because|as) )?(?:{_PASSAGE}|it) (?:{_NOT} {_HOW}{_TELLS}|{_CANNOT} {_HOW}{_TELLS}|"
    rf"(?:has|gives|contains|provides|offers|makes|includes) {_LACKING} {_STUFF}|"
    rf"(?:is|was) (?:silent|unclear|not clear|insufficient|not sufficient|not enough|unanswerable|not answerable)|lacks? )"
)
_NOTHING = (
    rf"(?:there (?:is|was|are|were|seems to be|appears to be)(?:n't| not)? ?(?:{_LACKING} )?{_STUFF}(?! (?:but|except))"
    rf"|there'?s {_LACKING} {_STUFF}"
    rf"|{_LACKING} {_STUFF} (?:{_IS}|{_IN_PASSAGE}|about|on|regarding|could|can|to answer|concerning|provided|given|available)"
    rf"|nothing {_IN_PASSAGE}|nothing (?:is|was) (?:said|mentioned|stated)|none of (?:this|that|it) is)"
)
_IMPOSSIBLE = (
    rf"(?:(?:the|this|that|your|a)? ?(?:\w+ )?(?:answer|question|information|it|this|that|name|date|year|reason|number|identity)"
    rf"(?: to (?:the|this|that|your) question| (?:you(?: are|'re)? )?asked(?: for| about)?)?"
    rf"(?:'s| {_IS})? ?(?:{_HOW})?(?:unknown|unclear|not (?:\w+ )?{_TOLD}|unanswerable|n/a|impossible to|not possible to|unspecified"
    rf"|left unspecified|missing|beyond|outside)(?! (?:soldier|pleasures|territory|mortal|artist|error))"
    rf"|(?:it|this|that|the answer|the question|the answer to (?:this|the|that) question)? ?(?:{_CANNOT}) {_HOW}be {_HOW}"
    rf"(?:determined|answered|inferred|found|known|established|derived|identified|deduced|given|confirmed|said|ascertained)"
    rf"|(?:it (?:is|was)|it's)? ?(?:not possible|impossible|difficult) to {_FINDS}"
    rf"|(?:unable|not able) to {_HOW}{_FINDS}|cannot {_HOW}{_FINDS}|can't {_HOW}{_FINDS}"
    rf"|(?:unknown|unclear|unanswerable|unspecified|not (?:\w+ )?{_TOLD})(?:,| {_IN_PASSAGE}|(?= but\b| because\b| since\b| as\b))"
    rf"|not enough {_STUFF}|insufficient {_STUFF}|no {_STUFF} {_IN_PASSAGE}|(?:don't|do not) know(?=$|,| the answer| what| who| when))"
)
_BURIED = rf"[^,;]{{1,200}}? {_ISNT} {_HOW}{_TOLD} {_IN_PASSAGE}(?=$|[,;]| as | because | so )|[^,;]{{1,160}}? {_ISNT} {_HOW}(?:specified|stated)$"

DECLINES = re.compile(rf"(?:{_SPEAKER}|{_PASSAGE_DECLINES}|{_NOTHING}|{_IMPOSSIBLE}|{_BURIED})")
"""How a sentence that declines begins; ``_BURIED``: how one ends that begins with what was asked for."""

TURNS = re.compile(
    r"[,;:]? ?\b(?:but|however|although|though|yet|still|nevertheless|instead|so|i think|i believe|i guess|i'd guess|i would guess"
    r"|i'd say|my (?:best )?guess|probably|perhaps|maybe|most likely|possibly|presumably)\b,? ?(?:that |is |would be |it's |it is )*"
)
"""Where a sentence turns from declining to answering."""

ABOUT = re.compile(
    rf"(?:it|{_PASSAGE}) (?:only|just|merely|simply|mainly|instead|primarily|focuses|discusses|describes|talks|deals|is about"
    r"|mentions only|covers|mentions|says only|states only|refers)\b"
    r"|(?:please|sorry|i'?m sorry|i am sorry|apologies|thank|thanks|if you|you (?:may|might|could|can|should|would)|could you|can you"
    r"|would you|let me know|feel free|i (?:would|will|'d) need|i need|i can (?:help|try|only)|is there|do you|may i|more (?:context|information)"
    r"|further (?:context|information)|without (?:more|further|additional)|as an ai|my (?:knowledge|training)|i recommend|i suggest|additional)\b"
    r"|(?:therefore|thus|hence|so|as a result|consequently|for this reason),? (?:no answer|unanswerable|unknown|not answerable)"
)
"""How a sentence begins that only comments on having declined."""

FIRST_WORDS = frozenset(
    """
    i i'm 'm m im idk i've i'd we sorry unfortunately regrettably apologies my well hmm um uh oh honestly frankly
    unknown unanswerable unclear undetermined unspecified unsure uncertain unable not no none nothing n/a n.a dunno
    cannot can't can cant insufficient impossible information answer it it's there there's this that the based
    according given from in since because as don't do dont who beats hard to a response final so and at after having
    neither passage context text short
    """.split()
)
"""Words an abstention can begin with; a quick way to see that an answer is none."""
