"""People's names: initials, short forms, middle names left out, surnames alone."""

from __future__ import annotations

from collections.abc import Sequence

from exx_answer_match.rights import Asked
from exx_answer_match.words import STOPWORDS, alike, listed

_GROUPS = """
    william bill billy will liam, robert bob bobby rob, richard dick rick, edward ted ed eddie ned, jeffrey jeff
    james jim jimmy jamie, john jack johnny, michael mike mick, charles charlie chuck, thomas tom tommy, joseph joe
    margaret maggie peggy meg, elizabeth liz beth betty lizzie, katherine kate cathy kathy, anthony tony, gregory greg
    andrew andy drew, henry harry hank, samuel sam, benjamin ben, alexander alex sandy, daniel dan danny, david dave
    stephen steve, steven steve, peter pete, patrick pat paddy, christopher chris kit, frederick fred freddie
    lawrence larry, gerald gerry jerry, susan sue, deborah debbie, matthew matt, nicholas nick, ronald ron ronnie
    donald don, kenneth ken, francis frank, arthur art, theodore ted theo, albert al bert, walter walt, leonard len leo
    philip phil, timothy tim
"""
_SHORT_FORMS: dict[str, set[str]] = {}
for _group in _GROUPS.replace("\n", ",").split(","):
    for _name in _group.split():
        _SHORT_FORMS.setdefault(_name, set()).update(_group.split())
_TITLES = listed("mr mrs ms miss sir dame lord lady doctor president king queen prince princess professor captain")


def same_person(core: Sequence[str], words: Sequence[str], asked: Asked) -> bool:
    """Whether a person of this name is named: the surname, after a first name that goes with it or after none.

    A surname alone is enough where a person is asked for and no other name stands before it.
    """
    first, last = core[0], core[-1]
    if len(last) < 4:
        return False
    for at, word in enumerate(words):
        if alike(word, last):
            before = words[max(0, at - 3) : at]
            if len(core) > 1 and any(_goes_with(first, name) for name in before):
                return True
            alone = not before or before[-1] in STOPWORDS or before[-1] in _TITLES or asked.says(before[-1])
            if asked.who and alone:
                return True
    return False


def _goes_with(name: str, other: str) -> bool:
    if len(name) == 1 or len(other) == 1:
        return name[0] == other[0]
    return other[:3] == name[:3] or other in _SHORT_FORMS.get(name, ())
