"""Gene sets of the user's own, from a GMT file (Gene Matrix Transposed, tab-separated).

One set per line: identifier, description, genes. Nothing is dropped without being told: a file
that cannot be meant as it stands is refused with its line, a gene that the expression matrix does
not have is listed. Which sets are tested is not decided here.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ect_assets.problems import EctError

_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]*"
_DATE = re.compile(
    rf"\d{{1,2}}-{_MONTH}(?:-\d{{2,4}})?"
    rf"|{_MONTH}-\d{{1,4}}"
    r"|\d{4}-\d{1,2}-\d{1,2}(?:[ T]\d{2}:\d{2}(?::\d{2})?)?"
    r"|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}"
    # Identifiers such as 2310009E13 become numbers with an exponent.
    r"|\d(?:\.\d+)?E\+\d+",
    re.IGNORECASE,
)
_OTHER_DELIMITER = re.compile(r"[,;|\s]")
_NO_NAME = {"", "na", "n/a", "nan", "null", "none", "-"}

NO_ENTREZ = "no gene of the expression matrix has this Entrez id"
NO_SYMBOL = "no gene of the expression matrix has this symbol"


class GmtError(EctError):
    """A GMT file cannot be read as it stands; the message gives file, line and mend."""


@dataclass(frozen=True)
class GmtFile:
    """The sets of a GMT file, in terms of the genes at hand, and what became of every entry.

    Attributes
    ----------
    sets : DataFrame
        collection, set_id, set_name, gene: one row per set and gene, in the order of the file. A
        set without any gene at hand has no row.
    unmatched : DataFrame
        set_id, entry, why: the entries that no gene at hand answers to.
    matched_by_symbol : DataFrame
        set_id, entry: entries matched by symbol, which is less sure than an Entrez id, since
        symbols change.
    repeated : DataFrame
        set_id, entry: entries whose gene the set already had; it counts once.
    """

    sets: pd.DataFrame
    unmatched: pd.DataFrame
    matched_by_symbol: pd.DataFrame
    repeated: pd.DataFrame


class _Line(NamedTuple):
    number: int
    set_id: str
    description: str
    entries: list[str]


def read_gmt(path: str | Path, genes: pd.DataFrame, collection: str | None = None) -> GmtFile:
    """Read gene sets and match them with the genes at hand.

    An entry of digits only is an Entrez id, any other a symbol. Spaces around entries, empty
    fields at the end of a line and blank lines mean nothing and are passed over.

    Parameters
    ----------
    path : path
        The file, UTF-8.
    genes : DataFrame
        gene (symbol), entrez_id: the genes at hand, each once.
    collection : str, optional
        Name of the collection; that of the file without ending if not given.

    Returns
    -------
    GmtFile
        A set is called by its description where that is a text of its own, by its identifier
        where the description is missing, an address, or shared with another set.

    Raises
    ------
    GmtError
        When the file is missing, empty or not UTF-8, a line has no tab, another delimiter, no
        identifier or no gene, a set occurs twice, a spreadsheet turned a gene into a date or
        number, or not one entry matches.

    References
    ----------
    Zeeberg BR et al. (2004). Mistaken identifiers: gene name errors can be introduced
    inadvertently when using Excel in bioinformatics. BMC Bioinformatics 5:80.
    """
    file = Path(path)
    lines = _parse(file)
    entries = _match(lines, genes)
    is_matched = entries["gene"].notna()
    if not is_matched.any():
        examples = ", ".join(entries["entry"].head(3))
        raise GmtError(
            f"{file}: none of {len(entries)} entries is a gene of the expression matrix, such as "
            f"{examples}. Entries must be Entrez ids or symbols of human genes."
        )
    is_repeated = is_matched & entries.duplicated(["set_id", "gene"])
    names = _names(lines)
    kept = entries[is_matched & ~is_repeated]
    sets = pd.DataFrame(
        {
            "collection": file.stem if collection is None else collection,
            "set_id": kept["set_id"],
            "set_name": kept["set_id"].map(names),
            "gene": kept["gene"],
        }
    ).astype("str")
    by_symbol = is_matched & ~entries["is_entrez"]
    return GmtFile(
        sets.reset_index(drop=True),
        entries.loc[~is_matched, ["set_id", "entry", "why"]].reset_index(drop=True),
        entries.loc[by_symbol, ["set_id", "entry"]].reset_index(drop=True),
        entries.loc[is_repeated, ["set_id", "entry"]].reset_index(drop=True),
    )


def _parse(file: Path) -> list[_Line]:
    lines: list[_Line] = []
    first_seen: dict[str, int] = {}
    for number, text in enumerate(_text(file).split("\n"), start=1):
        if not text.strip():
            continue
        line = _split(f"{file}, line {number}", number, text)
        if line.set_id in first_seen:
            raise GmtError(
                f"{file}, line {number}: set {line.set_id} was already on line "
                f"{first_seen[line.set_id]}. Give each set an identifier of its own, or join them."
            )
        first_seen[line.set_id] = number
        lines.append(line)
    if not lines:
        raise GmtError(
            f"{file} is empty. A GMT file has one set per line: identifier, description, genes, "
            "separated by tabs."
        )
    return lines


def _text(file: Path) -> str:
    if not file.is_file():
        raise GmtError(f"{file} is not a file. Check the path of the gene sets in study.toml.")
    content = file.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise GmtError(
            f"{file}, line {number}: not UTF-8 (byte {content[error.start]:#04x}). Save the file "
            "as UTF-8 text; a spreadsheet's Unicode text is another encoding."
        ) from error


def _split(where: str, number: int, text: str) -> _Line:
    if "\t" not in text:
        found = next(
            (f"{name}s" for sign, name in ((",", "comma"), (";", "semicolon")) if sign in text),
            "spaces" if " " in text.strip() else "nothing else",
        )
        raise GmtError(
            f"{where} has no tab, but {found} between fields. Separate identifier, description "
            "and genes by tabs."
        )
    set_id, description, *fields = (field.strip() for field in text.split("\t"))
    if not set_id:
        raise GmtError(f"{where} has no set identifier: its first field is empty. Name the set.")
    while fields and not fields[-1]:
        fields.pop()
    if not fields:
        raise GmtError(
            f"{where}: set {set_id} is empty. Genes start in the third field, after identifier "
            "and description; give it genes, or delete the line."
        )
    for entry in fields:
        _refuse_bad_entry(where, set_id, entry)
    return _Line(number, set_id, description, fields)


def _refuse_bad_entry(where: str, set_id: str, entry: str) -> None:
    if not entry:
        raise GmtError(
            f"{where}: set {set_id} has an empty field between its genes. A gene may be lost "
            "there: fill it in, or delete the extra tab."
        )
    if _DATE.fullmatch(entry):
        raise GmtError(
            f"{where}: set {set_id} has {entry!r} for a gene. A spreadsheet did that (MARCH1 "
            "becomes 1-Mar). Take the original file, or put the symbol or Entrez id there."
        )
    if _OTHER_DELIMITER.search(entry):
        shown = entry if len(entry) <= 40 else f"{entry[:40]}..."
        raise GmtError(
            f"{where}: set {set_id} has {shown!r} in one field. Separate genes by tabs, without "
            "weights."
        )


def _match(lines: list[_Line], genes: pd.DataFrame) -> pd.DataFrame:
    """One row per entry of the file: set_id, entry, is_entrez, gene (or missing), why."""
    missing = [column for column in ("gene", "entrez_id") if column not in genes]
    if missing:
        raise ValueError(f"The table of genes has no column {', '.join(missing)}.")
    symbols = genes["gene"].astype("str")
    by_entrez = dict(zip(genes["entrez_id"].astype("int64").astype("str"), symbols, strict=True))
    known = set(symbols)
    of_any_case = {symbol.upper(): symbol for symbol in symbols}
    rows = []
    for line in lines:
        for entry in line.entries:
            is_entrez = entry.isascii() and entry.isdigit()
            if is_entrez:
                gene, why = by_entrez.get(entry.lstrip("0")), NO_ENTREZ
            else:
                gene, why = (entry if entry in known else None), NO_SYMBOL
                near = of_any_case.get(entry.upper())
                why += f"; {near} differs in case only" if near else ""
            rows.append((line.set_id, entry, is_entrez, gene, why))
    columns = ["set_id", "entry", "is_entrez", "gene", "why"]
    text = {"set_id": "str", "entry": "str", "gene": "str", "why": "str"}
    return pd.DataFrame(rows, columns=columns).astype(text)


def _names(lines: list[_Line]) -> dict[str, str]:
    """A name for each set, no two alike."""
    counts = Counter(line.description for line in lines) + Counter(line.set_id for line in lines)
    return {
        line.set_id: line.set_id if _is_no_name(line.description, counts) else line.description
        for line in lines
    }


def _is_no_name(description: str, counts: Counter[str]) -> bool:
    is_address = re.match(r"https?://", description, re.IGNORECASE) is not None
    return is_address or description.lower() in _NO_NAME or counts[description] > 1
