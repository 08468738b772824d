"""Which total scores an instrument can have: each pair of limits once, with its source.

Instruments are recognized by their name, title or column without regard to case and signs, and only
where the version is beyond doubt. Limits in study.toml win over these; how they are used belongs in
`intake.clinical`.
"""

from __future__ import annotations

import re

from ect_assets.science.plausibility import Bounds

_SCORES: tuple[tuple[str, str, float, float, str], ...] = (
    # Words of names or titles, all of which must be there (with their other spellings), the
    # instrument, its lowest and highest total, source. More particular ones first.
    ("hamd 6", "HAMD-6", 0, 22, "Bech et al. 1975, Acta Psychiatr Scand 51:161"),
    ("hamd 17", "HAMD-17", 0, 52, "Hamilton 1960, J Neurol Neurosurg Psychiatry 23:56"),
    ("hamd 21", "HAMD-21", 0, 66, "Hamilton 1967, Br J Soc Clin Psychol 6:278"),
    ("hamd 24", "HAMD-24", 0, 76, "Guy 1976, ECDEU Assessment Manual, p. 179"),
    ("hamd", "HAMD", 0, 76, "Guy 1976, as the version of most items that is used in ECT"),
    ("madrs s", "MADRS-S", 0, 54, "Svanborg & Asberg 1994, Acta Psychiatr Scand 89:21"),
    ("madrs", "MADRS", 0, 60, "Montgomery & Asberg 1979, Br J Psychiatry 134:382"),
    ("bdi 2", "BDI-II", 0, 63, "Beck, Steer & Brown 1996, manual"),
    ("bdi", "BDI", 0, 63, "Beck et al. 1961, Arch Gen Psychiatry 4:561"),
    ("qids 16", "QIDS", 0, 27, "Rush et al. 2003, Biol Psychiatry 54:573"),
    ("qids", "QIDS", 0, 27, "Rush et al. 2003, Biol Psychiatry 54:573"),
    ("ids 30", "IDS-30", 0, 84, "Rush et al. 1996, Psychol Med 26:477"),
    ("ids", "IDS-30", 0, 84, "Rush et al. 1996, Psychol Med 26:477"),
    ("phq 9", "PHQ-9", 0, 27, "Kroenke et al. 2001, J Gen Intern Med 16:606"),
    ("phq 8", "PHQ-8", 0, 24, "Kroenke et al. 2009, J Affect Disord 114:163"),
    ("gds 15", "GDS-15", 0, 15, "Sheikh & Yesavage 1986, Clin Gerontol 5:165"),
    ("gds", "GDS-30", 0, 30, "Yesavage et al. 1982, J Psychiatr Res 17:37"),
    ("bhs", "Beck Hopelessness Scale", 0, 20, "Beck et al. 1974, J Consult Clin Psychol 42:861"),
    ("ymrs", "YMRS", 0, 60, "Young et al. 1978, Br J Psychiatry 133:429"),
    ("panss", "PANSS", 30, 210, "Kay, Fiszbein & Opler 1987, Schizophr Bull 13:261"),
    ("bprs", "BPRS", 0, 168, "Overall & Gorham 1962, Psychol Rep 10:799; 24 items, from 0 or 1"),
    ("gaf", "GAF", 0, 100, "American Psychiatric Association 2000, DSM-IV-TR, p. 34"),
    ("cgi", "CGI", 1, 7, "Guy 1976, ECDEU Assessment Manual, p. 217; 0 is `not assessed`"),
    ("hama", "HAM-A", 0, 56, "Hamilton 1959, Br J Med Psychol 32:50"),
    ("bai", "BAI", 0, 63, "Beck et al. 1988, J Consult Clin Psychol 56:893"),
    ("gad 7", "GAD-7", 0, 21, "Spitzer et al. 2006, Arch Intern Med 166:1092"),
    ("mmse", "MMSE", 0, 30, "Folstein et al. 1975, J Psychiatr Res 12:189"),
    ("moca", "MoCA", 0, 30, "Nasreddine et al. 2005, J Am Geriatr Soc 53:695"),
    ("3ms", "3MS", 0, 100, "Teng & Chui 1987, J Clin Psychiatry 48:314"),
    ("core", "CORE", 0, 54, "Parker et al. 1994, Am J Psychiatry 151:1184"),
    ("bfcrs", "BFCRS", 0, 69, "Bush et al. 1996, Acta Psychiatr Scand 93:129"),
    ("audit c", "AUDIT-C", 0, 12, "Bush et al. 1998, Arch Intern Med 158:1789"),
    ("audit", "AUDIT", 0, 40, "Saunders et al. 1993, Addiction 88:791"),
    ("cudit r", "CUDIT-R", 0, 32, "Adamson et al. 2010, Drug Alcohol Depend 110:137"),
    ("cudit", "CUDIT", 0, 40, "Adamson & Sellman 2003, Drug Alcohol Rev 22:309"),
)
"""Totals of instruments that are common in studies of ECT. EQ-5D is not here: index, visual scale
and profile go by one name."""

_SPELLINGS = (
    # Pattern in a name that is lower case and has single blanks for signs -> words of `_SCORES`.
    (r"\b(ham ?d|hdrs|hrsd|hamilton (rating scale for )?depression( rating)?( scale)?)", "hamd "),
    (r"\b(ham ?a|hars|hamilton (rating scale for )?anxiety( rating)?( scale)?)\b", "hama "),
    (r"\bmontgomery a?sberg depression( rating)?( scale)?", "madrs "),
    (r"\bbeck depression inventory", "bdi "),
    (r"\bbeck anxiety inventory", "bai "),
    (r"\bbeck hopelessness( scale)?", "bhs "),
    (r"\bquick inventory of depressive symptomatology", "qids "),
    (r"\binventory of depressive symptomatology", "ids "),
    (r"\bpatient health questionnaire", "phq "),
    (r"\bgeriatric depression( scale)?", "gds "),
    (r"\byoung mania( rating)?( scale)?", "ymrs "),
    (r"\bpositive and negative syndrome( scale)?", "panss "),
    (r"\bbrief psychiatric rating( scale)?", "bprs "),
    (r"\bglobal assessment of functioning", "gaf "),
    (r"\bclinical global impressions?", "cgi "),
    (r"\bmini ?mental( state| status)?( examination| exam)?", "mmse "),
    (r"\bmontreal cognitive assessment", "moca "),
    (r"\bgenerali[sz]ed anxiety disorder", "gad "),
    (r"\balcohol use disorders? identification test", "audit "),
    (r"\bcannabis use disorders? identification test", "cudit "),
)
_PASSED_OVER = re.compile(
    r"total|scores?|sum|points|scale|inventory|questionnaire|test|version|revised|items?|rating"
    r"|rated|self|report|clinician|severity|the|of|for|i|s|sr|c|cr|pre|post|baseline|followup"
)
"""Words that say nothing against a total score; any other word, such as `change` or `positive`,
does: then the limits are not known."""


def known_instrument(*names: str) -> Bounds | None:
    """Find the bounds of a total score by what the instrument is called.

    Parameters
    ----------
    *names : str
        Its name, title and column; the first that is known decides, one that names the version
        before one that does not.

    Returns
    -------
    Bounds or None
        None where none of them is known for certain.
    """
    found = [one for one in map(_known, names) if one is not None]
    return min(found, key=lambda one: one.what == "HAMD", default=None)


def _known(name: str) -> Bounds | None:
    text = re.sub(r"[^a-z0-9]+", " ", name.lower().replace("\u00e5", "a")).strip()
    for pattern, words in _SPELLINGS:
        text = re.sub(pattern, words, text)
    text = re.sub(r"\b(ii|two)\b|(?<=bdi)ii\b", " 2", text)
    # `hamd17` and `phq9` as `hamd 17` and `phq 9`; but `3ms` is a name.
    text = re.sub(r"(?<=[a-z]{2})(?=\d)", " ", text)
    there = text.split()
    for words, what, low, high, source in _SCORES:
        needed = words.split()
        rest = [one for one in there if one not in needed]
        if set(needed) <= set(there) and all(map(_PASSED_OVER.fullmatch, rest)):
            return Bounds(what, low, high, "points", source)
    return None
