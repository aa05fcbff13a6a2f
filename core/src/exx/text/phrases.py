"""The English words with which people and models decline to answer, in the form that ``gentle`` gives.

The patterns are put together from a few word lists, so that a phrase is added in one place. Each matches the
beginning of a sentence; what the sentence may still say after that is the business of ``abstention``.
"""

from __future__ import annotations

import re


def _any(words: str) -> str:
    """Make a group of the alternatives, which may go on over several lines."""
    return "(?:" + "|".join(line.strip() for line in words.splitlines()) + ")"


def _listed(phrases: str) -> frozenset[str]:
    """Make a set of the phrases that commas separate, over as many lines as they take."""
    return frozenset(phrase.strip() for phrase in " ".join(phrases.split()).split(","))


_HOW = (
    "(?:"
    + _any(
        """really|honestly|actually|just|still|simply|currently|yet|even|also|explicitly|directly|specifically|clearly
        definitively|accurately|confidently|reliably|exactly|precisely|quite|entirely|completely|at all|100%|to|be|seem
        appear"""
    )
    + " )*"
)
_NOT = _any("(?:do|does|did) not|don't|doesn't|didn't|dont|doesnt|never|fails? to")
_CANNOT = _any(
    """can ?not|can't|cant|could not|couldn't|(?:am|is|was|are|were) (?:unable|not able)(?: to)?
    'm (?:unable|not able)(?: to)?|(?:would|will) not be able to|(?:wouldn't|won't) be able to"""
)
_IS = "(?:is|was|are|were|can be|could be)"
_IS_NOT = _any(
    """(?:is|was|are|were|has been|have been) (?:not|never)|(?:is|was|are|were)n't|not|never|(?:has|have) not been
    (?:hasn't|haven't) been"""
)
_PASSAGE = (
    "(?:(?:the|this|that|your|any of the) )?(?:(?:given|provided|above|supplied|following|available|short|shown) )*"
    + _any(
        """passages?|texts?|contexts?|articles?|paragraphs?|documents?|excerpts?|materials?|sources?|snippets?|question
        author|search results|web results|information"""
    )
    + "(?: (?:that )?(?:is |was |were |you |i )?(?:given|provided|above|available|supplied|shown|itself|alone))?"
)
_IN_PASSAGE = rf"(?:anywhere |here )?(?:in|by|from|within|on|with|based on|given|according to) {_PASSAGE}\b"
_TELL = _any(
    """say|state|mention|specify|provide|contain|include|give|indicate|tell|answer|reveal|explain|describe|discuss
    identify|name|address|disclose|have|offer|list|cover|clarify|elaborate|talk about|define|refer to|make
    note|report|go into|touch on|deal with|speak of"""
)
_TOLD = _any(
    """mentioned|stated|specified|given|provided|included|contained|indicated|told|answered|revealed|explained
    described|discussed|identified|named|addressed|disclosed|listed|covered|found|available|known|clear|clarified
    present|determined|answerable|explicit|supplied|reported|recorded|noted|made"""
)
_ASKED = _any(
    """$|,|sorry|the|this|that|what|who|whom|whose|when|where|which|why|if|whether|about|any|enough|based|from|because
    since|for|anything|his|her|its|their|it|how (?!to)|of|but|and|exactly|in (?:which|what)"""
)
_FIND = _any(
    rf"""(?:say|tell)(?=$|,| {_ASKED})|answer|determine|find|provide|give|identify|locate|confirm|help|infer|verify
    state|access|specify|know|recall|see|offer|comment|respond|assist|make out|be (?:sure|certain)|establish|deduce"""
)
_FOUND = _any("determined|answered|inferred|found|known|established|derived|identified|deduced|given|confirmed|said")
_LITTLE = _any("no|not enough|insufficient|not sufficient|too little|not any|any")
_MATTER = (
    "(?:"
    + _any(
        """clear|direct|explicit|specific|definite|definitive|relevant|further|sufficient|enough|such|reliable|the|any
        an|a|other|additional|particular|that|this|exact|real-time"""
    )
    + " )*"
    + _any(
        rf"""information|info|mention|indication|details?|references?|context|knowledge|idea|clue|way (?:to|of)|access
        data
        (?:answers?|evidence|statement|records?|results?)(?=$|,| {_IN_PASSAGE}| (?:to|for) (?:th[ei]s?|that|your?))"""
    )
    + r"\b"
)

_WOULD_NOT = _any("(?:will|would|can|do) not|won't|wouldn't|can't|cannot|don't|(?:'d|would) rather not|prefer not to")
_SPEAKER = _any(
    rf"""{_NOT} {_HOW}(?:know|understand|recall|remember)(?=$|,| {_ASKED})
    {_NOT} {_HOW}(?:have|see|find|possess) {_MATTER}
    {_NOT} (?:think|believe) (?:that )?(?:{_PASSAGE}|it) {_TELL}s?\b
    have {_HOW}{_LITTLE} {_MATTER}
    lack {_MATTER}
    {_CANNOT} {_HOW}{_FIND}\b
    (?:would|will|'d|'ll) (?:need|require) (?:more|further|additional|some more) (?:context|information|details)\b
    {_NOT} {_HOW}have (?:enough|anything|much) to (?:go on|say|answer|tell|offer)\b
    (?:have|'ve) not been {_HOW}(?:told|given|informed)\b
    {_WOULD_NOT} (?:(?:want|like|care) to )?(?:guess|speculate)\b
    (?:must|will|'ll|have to|'d have to) pass(?=$|,| on)
    (?:am|are|was|were|'m|'re) (?:not|never) {_HOW}(?:told|given|informed)\b
    (?:am|was|'m) {_HOW}(?:not {_HOW}(?:sure|certain|aware|familiar)|unsure|uncertain|unaware|unfamiliar)\b"""
)
_PASSAGES = _any(
    rf"""{_NOT} {_HOW}{_TELL}s?\b
    {_CANNOT} {_HOW}{_TELL}\b
    (?:has|have|gives?|contains?|provides?|offers?|makes?|includes?|says?) (?:nothing|no|little|insufficient)\b
    (?:is|was|are) (?:silent|unclear|not clear|insufficient|not sufficient|not enough|unanswerable|not answerable)\b
    leaves? (?:this|that|it|the question|the answer) (?:open|unanswered|unclear|unsaid|unspecified|unresolved)\b
    lacks?\b"""
)
_BEYOND = _any("beyond|outside|not (?:in|within|part of|covered by)")
_ANSWERS = _any(
    r"""(?:the|this|that|your|an?) (?:[\w-]+ )?(?:answer|question|information|reason|identity)
    it|this|that|the answer (?:to|for) (?:the|this|that|your) question"""
)
_MISSING = _any(
    rf"""there (?:is|was|are|were|seems to be|appears to be)(?:n't| not)? ?(?:{_LITTLE} )?{_MATTER}(?<!there is)
    there's {_LITTLE} {_MATTER}
    there(?:'s| is| was) nothing (?:said |mentioned |stated )?{_IN_PASSAGE}
    (?:{_ANSWERS}(?:'s| is| was)|is) {_BEYOND} (?:what |the scope of )?{_PASSAGE}\b
    {_ANSWERS} (?:is|was)n't {_IN_PASSAGE}
    (?:(?:that|this|it)(?:'s| is)|is) not (?:something|a question|a thing) (?:that |which )?{_PASSAGE}\b
    no answer (?:is |was )?(?:possible|found|given|available|provided|exists|can be (?:given|found))\b
    {_LITTLE} (?:\w+ )?{_MATTER} (?:{_IN_PASSAGE}|about|on|regarding|concerning|to answer|provided|given)\b
    {_LITTLE} (?:\w+ )?(?:{_MATTER}|answer|date|name|number|reason|year) {_IS} (?:\w+ )?{_TOLD}\b
    nothing {_IN_PASSAGE}
    nothing (?:is|was) (?:said|mentioned|stated)
    none of (?:this|that|it) is {_TOLD}"""
)
_OPEN = _any("unknown|unclear|unanswerable|n/a|unspecified|missing")
_IMPOSSIBLE = _any(
    rf"""{_ANSWERS}(?:'s| is| was| remains) {_HOW}{_OPEN}(?=$|,| {_IN_PASSAGE}| {_ASKED}| to | as )
    {_ANSWERS} (?:needed|required|requested|asked for|sought)? ?(?:is|was) (?:missing|absent|lacking|not there)\b
    {_ANSWERS}(?: {_IS_NOT}|'s not) {_HOW}{_TOLD}(?=$|,| {_IN_PASSAGE}| {_ASKED})
    (?:{_ANSWERS} )?{_CANNOT} {_HOW}be {_HOW}{_FOUND}
    (?:it (?:is|was) |it's )?(?:not possible|impossible|difficult|hard) (?:for me )?to {_HOW}{_FIND}\b
    (?:unable|not able) to {_HOW}{_FIND}\b
    (?:cannot|can't) {_HOW}{_FIND}\b
    (?:unknown|unclear|unanswerable|unspecified|not {_HOW}{_TOLD})(?=,|:| \(| {_IN_PASSAGE}| because\b| since\b| as\b)
    (?:do not|don't) know(?=$|,| the answer| what| who| when| where)"""
)
_MENTIONS = _any(
    """(?:only )?(?:discuss(?:es)?|mentions?|describes?|talks? (?:about|of)|states?|covers?|refers? to|gives?|says?)
    (?:only )?(?:focuses on|tells? (?:us )?(?:of|about))"""
)
_MENTIONED = rf"{_PASSAGE} {_MENTIONS} [^.;]{{1,160}}?"
_BESIDES = _any(
    rf"""{_MENTIONED},? (?:but|and|so|though|although|yet) (?:it )?{_NOT} {_HOW}{_TELL}\b
    (?:although|though|while|even though) {_MENTIONED}, (?:it|{_PASSAGE}) {_NOT} {_HOW}{_TELL}\b"""
)
_TOLD_ALONE = _any("specified|stated|given|mentioned|provided|named|disclosed|recorded|indicated|identified|told")
_BURIED = (
    rf"(?:[^,;(]|\([^()]*\)){{1,200}}? {_IS_NOT} {_HOW}"
    rf"(?:{_TOLD} {_IN_PASSAGE}(?=$|[,;]| as | because | so )|{_TOLD_ALONE}$)"
    r"|[^,;:]{1,100}? (?:is|was|are|were|remains?) (?:simply |still )?(?:unknown|unclear|unspecified|undetermined)$"
)

DECLINES = re.compile(
    "(?:(?:so|and|that|since|because|as) )?"
    + _any(
        rf"""(?:i|we)(?: |(?='(?:m|d|ll|ve|re)\b)){_HOW}{_SPEAKER}
        {_PASSAGE} {_PASSAGES}
        it {_NOT} {_HOW}(?:say|state|mention|specify|indicate|give an answer)
        {_MISSING}
        {_IMPOSSIBLE}
        {_BESIDES}
        {_BURIED}"""
    )
)
"""How a sentence that declines begins; ``_BURIED`` ones name first what was asked for."""

LEAD_IN = re.compile(
    "(?:"
    + _any(
        rf"""well|um+|uh+|hmm+|oh|ok|okay|no(?=,)|unfortunately|regrettably|sadly|honestly|frankly|actually
        to be honest|sorry|(?:my )?apologies|i apologi[sz]e|i'?m (?:very |so |really )?sorry|i am (?:very |so )?sorry
        '?m sorry|(?:i'm|i am) afraid(?: that)?|i (?:think|believe|would say)(?: that)?
        i (?:(?:must|have to) (?:say|admit)|regret(?: to say)?)(?: that)?
        without [^,]{{1,60}}(?=,)
        it (?:seems|appears|looks like)(?: that)?|as an? (?:ai|large)?(?: ?language model| assistant| model)?
        as of [^,;]{{1,60}}|(?:since|because|as) [^,]{{1,80}}(?=,)
        (?:(?:based |relying )?(?:only |solely )?(?:on|from|in)|according to|given|after reading) {_PASSAGE}"""
    )
    + r"(?:\s*[,:.!-]+\s*|\s+)(?:but |however,? |that |and )?)+"
)
"""What may come before declining without changing it."""

BARE = _listed(
    """
    unknown, unanswerable, not answerable, unclear, undetermined, unspecified, unsure, uncertain, not sure, not
    certain, not clear, no answer, no answer possible, no answer found, no answer available, no answer given, no
    answer provided, no answer exists, n/a, n.a, not applicable, not available, not stated, not mentioned, not given,
    not specified, not provided, not known, not found, not disclosed, not reported, not indicated, not listed, not
    determinable, not in passage, not in context, not in the passage, not in the text, not in the context, not
    mentioned in the passage, not possible to answer, not possible to determine, not enough information, not enough
    info, not enough context, not enough data, insufficient information, insufficient context, insufficient data, no
    information, no information available, no information provided, no information given, no such information, no
    mention, none given, none mentioned, none stated, none provided, none specified, information not provided,
    information not available, information not given, answer not found, answer not provided, answer not available,
    answer unknown, no idea, no clue, i have no idea, i have no clue, i have no answer, no comment, don't know, do not
    know, dont know, dunno, i dunno, idk, i don't, i do not, i can't, i cannot, cannot answer, can't answer, cannot
    say, can't say, cannot tell, can't tell, cannot determine, can't determine, cannot be determined, can't be
    determined, cannot be answered, can't be answered, unable to answer, unable to determine, unable to say,
    impossible to say, impossible to determine, impossible to tell, hard to say, i give up, who knows, beats me, don't
    remember, i forgot, i wouldn't know, i would not know
    """
)
"""What declines when it is all that is said."""

TURNS = re.compile(
    r"(?:[,;:] |^)(?:but|however|although|though|yet|still|nevertheless|instead|so|i think|i believe|i guess"
    r"|i'd guess|i would guess|i'd say|my (?:best )?guess|probably|perhaps|maybe|most likely|possibly|presumably)\b,? ?"
    r"|\b(?:but|however|although),? (?:that |is |would be |it's |it is )*|: "
)
"""Where a sentence turns from declining to answering."""

ABOUT = re.compile(
    rf"(?:it|{_PASSAGE}) "
    + _any(
        """only|just|merely|simply|mainly|instead|primarily|focuses|discusses|describes|talks|deals|is about|mentions
        covers|says only|states only|refers"""
    )
    + r"\b|"
    + _any(
        """please|my apologies|sorry|i'?m sorry|i am sorry|apologies|thank|thanks|let me know|feel free
        as an ai|additional
        you(?:'d| would|'ll| will) (?:have|need) to|do you
        if you (?:can|could|have|need|provide|would|want|give|share|tell)|you (?:may|might|could|can|should|would)
        (?:could|can|would) you|i (?:would|will|'d) need|i need|i can (?:help|try|only)|is there|may i
        without (?:more|further)|(?:more|further) (?:context|information|details)|my (?:knowledge|training)|i recommend
        i suggest|hmm+$|u[mh]+$|well$|oh$|ok$|okay$|unfortunately$"""
    )
    + r"\b|(?:therefore|thus|hence|so|as a result|consequently|for this reason),? "
    + _any("no answer|unanswerable|unknown|not answerable|it is unanswerable")
)
"""How a sentence begins that only comments on having declined."""

TRAILING = re.compile(r"(?:,? (?:i'm |i am )?(?:so |very )?sorry|,? (?:i'm|i am) afraid|, unfortunately)$")
"""What may come after declining without changing it."""

FIRST_WORDS = _listed(
    """
    i, i'm, i'd, i've, 'm, m, im, idk, we, sorry, unfortunately, regrettably, sadly, apologies, my, well, hmm, um, uh,
    oh, ok, okay, no, honestly, frankly, actually, unknown, unanswerable, unclear, undetermined, unspecified, unsure,
    uncertain, unable, not, none, nothing, n/a, n.a, dunno, cannot, can't, can, cant, insufficient, impossible,
    information, answer, it, it's, there, there's, this, that, the, based, according, given, from, in, on, since,
    because, as, don't, do, dont, who, beats, hard, to, a, response, final, so, and, at, after, relying, passage,
    context, text, short, documents, although, though, while, even, your, author,
    without, you, you'd
    """
)
"""Words with which an answer that declines may begin: a quick way to see that another does not decline."""
