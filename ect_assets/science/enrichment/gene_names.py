"""What an entry of a gene list is: a symbol, an identifier, or what a spreadsheet made of one.

Shared by whatever reads genes from a file. How a file is laid out belongs to its reader.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

import pandas as pd

# Month names that spreadsheets write in English, German, French, Italian, Spanish and Dutch: a
# symbol such as SEPT2 or MARCH1 becomes a date where the program's language knows the word.
_MONTH = (
    "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
    "|jän|mrz|mär|mai|okt|dez|janv|févr|fév|mars|avr|juin|juil|août|sept|déc"
    "|gen|mag|giu|lug|ago|set|ott|dic|ene|abr|mrt|mei)[a-zäéûô]*"
)
DATE = re.compile(
    rf"\d{{1,2}}\.?[-/. ]{_MONTH}\.?(?:[-/. ]\d{{2,4}})?"
    rf"|{_MONTH}\.?[-/ ]\d{{1,4}}"
    r"|\d{4}-\d{1,2}-\d{1,2}(?:[ T]\d{2}:\d{2}(?::\d{2})?)?"
    r"|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}"
    # Identifiers such as 2310009E13 become numbers with an exponent.
    r"|\d(?:[.,]\d+)?E\+\d+",
    re.IGNORECASE,
)
DAY_NUMBERS = range(36_526, 54_789)
"""How Excel counts the days from 2000 to 2049; human Entrez ids leave nearly all of them out."""

NO_ENTREZ = "no gene of the expression matrix has this Entrez id"
NO_SYMBOL = "no gene of the expression matrix has this symbol"

_KINDS = (
    ("Ensembl identifiers", re.compile(r"ENS[A-Z]{0,4}[GTP]\d{6,}(\.\d+)?", re.IGNORECASE)),
    ("RefSeq identifiers", re.compile(r"[NX][MRP]_\d+(\.\d+)?", re.IGNORECASE)),
    ("UniProt identifiers", re.compile(r"[OPQ]\d[A-Z\d]{3}\d|[A-NR-Z]\d([A-Z][A-Z\d]{2}\d){1,2}")),
    ("probes of a microarray", re.compile(r"\d+(_[a-z])?_at|ILMN_\d+|A_\d+_P\d+")),
)
_CASE = "differs in case only"


class GeneNames:
    """The genes at hand, and what an entry says of them.

    Parameters
    ----------
    genes : DataFrame
        gene (symbol), entrez_id: each once.

    Raises
    ------
    ValueError
        When a column is missing.
    """

    def __init__(self, genes: pd.DataFrame):
        missing = [column for column in ("gene", "entrez_id") if column not in genes]
        if missing:
            raise ValueError(f"The table of genes has no column {', '.join(missing)}.")
        symbols = genes["gene"].astype("str")
        numbers = genes["entrez_id"].astype("int64").astype("str")
        self._by_entrez = dict(zip(numbers, symbols, strict=True))
        self._symbols = frozenset(symbols)
        self._of_any_case = {symbol.upper(): symbol for symbol in symbols}

    def match(self, entry: str) -> tuple[str | None, str]:
        """Find the gene of an entry: by Entrez id where it is digits only, else by symbol.

        Returns
        -------
        gene, why : str or None, str
            The symbol, or None and why there is none.
        """
        if is_number(entry):
            return self._by_entrez.get(entry.lstrip("0")), NO_ENTREZ
        near = self._of_any_case.get(entry.upper())
        why = NO_SYMBOL + (f"; {near} {_CASE}" if near else "")
        return (entry if entry in self._symbols else None), why

    def has(self, entry: str) -> bool:
        """Whether an entry is one of the genes, in its own letters or as an Entrez id."""
        return self.match(entry)[0] is not None

    def resembles(self, entry: str) -> bool:
        """Whether an entry is meant as a gene: of any case, or an identifier of another kind."""
        is_known = self.has(entry) or entry.upper() in self._of_any_case
        return is_known or kind_of(entry) is not None or DATE.fullmatch(entry) is not None

    def is_day(self, entry: str) -> bool:
        """Whether a number is a day as Excel counts it, and no Entrez id of the genes."""
        return is_number(entry) and int(entry) in DAY_NUMBERS and not self.has(entry)


def is_number(entry: str) -> bool:
    """Whether an entry is an Entrez id by its look: digits only, and few enough for one."""
    return entry.isascii() and entry.isdigit() and len(entry) <= 12


def kind_of(entry: str) -> str | None:
    """Name the kind of identifier that an entry is; None for symbols and Entrez ids."""
    return next((kind for kind, pattern in _KINDS if pattern.fullmatch(entry)), None)


def unmatched_in_words(entries: Iterable[str], why: Iterable[str]) -> str:
    """Say what entries without a gene have in common, so that a reader sees the cause.

    Parameters
    ----------
    entries, why : iterable of str
        As `GeneNames.match` was asked and answered.

    Returns
    -------
    str
        Sentences with a space before them; empty where nothing is known of them.
    """
    entries, why = list(entries), list(why)
    counts = Counter(kind for entry in entries if (kind := kind_of(entry)) is not None)
    words = [f" {n:,} are {kind}: give symbols or Entrez ids." for kind, n in counts.items()]
    n_case = sum(_CASE in one for one in why)
    if n_case:
        words.append(
            f" {n_case:,} differ from a symbol in case only (mouse genes are written so): give "
            "symbols of human genes."
        )
    return "".join(words)
