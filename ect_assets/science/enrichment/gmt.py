"""Gene sets of the user's own, from a GMT file (Gene Matrix Transposed, tab-separated).

One set per line: identifier, description, genes. Nothing is dropped without being told: a file
that cannot be meant as it stands is refused with its line, a gene that the expression matrix does
not have is listed. Names and descriptions are taken for what they are only where they are no genes
themselves. What an entry is belongs in `gene_names`; which sets are tested is not decided here.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ect_assets.problems import EctError
from ect_assets.science.enrichment.gene_names import DATE, GeneNames, is_number, unmatched_in_words
from ect_assets.science.file_kinds import first_bytes, what_it_is

_OTHER_DELIMITER = re.compile(r"[,;|\s]")
_NO_NAME = {"", "na", "n/a", "nan", "null", "none", "-"}
_MOST = 0.5
"""Share of entries above which a file's layout is taken to be another one."""


class GmtError(EctError):
    """A GMT file cannot be read as it stands; the message gives file, line and fix."""


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
    repeated : DataFrame
        set_id, entry: entries whose gene the set already had; it counts once.
    """

    sets: pd.DataFrame
    unmatched: pd.DataFrame
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
        identifier or no gene, a description is a gene, the sets are in columns (GMX), a set occurs
        twice, a spreadsheet turned a gene into a date or number, or not one entry matches.

    References
    ----------
    Zeeberg BR et al. (2004). Mistaken identifiers: gene name errors can be introduced
    inadvertently when using Excel in bioinformatics. BMC Bioinformatics 5:80.
    """
    file = Path(path)
    names = GeneNames(genes)
    text = _text(file)
    _refuse_columns(file, text, names)
    lines = _parse(file, text)
    _refuse_genes_for_descriptions(file, lines, names)
    _refuse_row_numbers(file, lines, names)
    _refuse_days(file, lines, names)
    entries = _match(lines, names)
    is_matched = entries["gene"].notna()
    if not is_matched.any():
        examples = ", ".join(entries["entry"].head(3))
        raise GmtError(
            f"{file}: none of {len(entries)} entries is a gene of the expression matrix, such as "
            f"{examples}. Entries must be Entrez ids or symbols of human genes."
            f"{unmatched_in_words(entries['entry'], entries['why'])}"
        )
    is_repeated = is_matched & entries.duplicated(["set_id", "gene"])
    set_names = _names(lines)
    kept = entries[is_matched & ~is_repeated]
    sets = pd.DataFrame(
        {
            "collection": file.stem if collection is None else collection,
            "set_id": kept["set_id"],
            "set_name": kept["set_id"].map(set_names),
            "gene": kept["gene"],
        }
    ).astype("str")
    return GmtFile(
        sets.reset_index(drop=True),
        entries.loc[~is_matched, ["set_id", "entry", "why"]].reset_index(drop=True),
        entries.loc[is_repeated, ["set_id", "entry"]].reset_index(drop=True),
    )


def _refuse_columns(file: Path, text: str, genes: GeneNames) -> None:
    """Refuse a GMX file: names in the first row, descriptions in the second, then genes."""
    rows = [line.split("\t") for line in text.split("\n") if line.strip()]
    first = [field.strip() for field in rows[0] if field.strip()] if rows else []
    below = [[field.strip() for field in row[:2]] for row in rows[2:]]
    columns = [[row[place] for row in below if len(row) > place] for place in (0, 1)]
    if not below or _share(first, genes.resembles) > _MOST:
        return
    if all(_share(filter(None, column), genes.resembles) > _MOST for column in columns):
        raise GmtError(
            f"{file} has one set per column (GMX), expected one per line (GMT). Transpose the "
            "table, so that each line has identifier, description and genes."
        )


def _share(fields: Iterable[str], is_so: Callable[[str], bool]) -> float:
    answers = [is_so(field) for field in fields]
    return sum(answers) / len(answers) if answers else 0.0


def _refuse_genes_for_descriptions(file: Path, lines: list[_Line], genes: GeneNames) -> None:
    """Refuse a file without descriptions, whose first gene of each set would be lost."""
    named = [line for line in lines if line.description not in (line.set_id, "")]
    wrong = [line for line in named if genes.has(line.description)]
    if not wrong and _share((line.description for line in named), genes.resembles) > _MOST:
        wrong = [line for line in named if genes.resembles(line.description)]
    if wrong:
        raise GmtError(
            f"{file}, line {wrong[0].number}: the description of set {wrong[0].set_id} is a gene "
            f"({wrong[0].description}), in {len(wrong)} of {len(lines)} lines. The second field is "
            "a description, genes start in the third: put `na` in between if there is none. If "
            "it is meant as a description, write more than the gene."
        )


def _refuse_row_numbers(file: Path, lines: list[_Line], genes: GeneNames) -> None:
    """Refuse numbers counted from 0 or 1 for names, with the description among the genes."""
    ids = [line.set_id for line in lines]
    is_counted = any(
        ids == [str(number) for number in range(first, first + len(ids))] for first in (0, 1)
    )
    if is_counted and _share((line.entries[0] for line in lines), genes.resembles) < _MOST:
        raise GmtError(
            f"{file} has row numbers in front of the names of the sets. Save it without them "
            "(pandas: `index=False`; R: `row.names = FALSE`)."
        )


def _refuse_days(file: Path, lines: list[_Line], genes: GeneNames) -> None:
    """Refuse the number of a day among symbols, which a spreadsheet made of one."""
    if all(is_number(entry) for line in lines for entry in line.entries):
        return
    for line in lines:
        day = next((entry for entry in line.entries if genes.is_day(entry)), None)
        if day is not None:
            raise GmtError(
                f"{file}, line {line.number}: set {line.set_id} has {day} among symbols. It is no "
                "Entrez id of the expression matrix, but the number of a day: a spreadsheet did "
                "that (MARCH1 becomes 43891). Take the original file, or put the symbol there."
            )


def _parse(file: Path, text: str) -> list[_Line]:
    lines: list[_Line] = []
    first_seen: dict[str, int] = {}
    for number, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        line = _split(f"{file}, line {number}", number, content)
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
    kind = what_it_is(first_bytes(file), file)
    if kind is not None:
        raise GmtError(f"{file} {kind}")
    content = file.read_bytes()
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
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
    if DATE.fullmatch(entry):
        raise GmtError(
            f"{where}: set {set_id} has {entry!r} for a gene. A spreadsheet did that (MARCH1 "
            "becomes 1-Mar, in German 01. Mrz). Take the original file, or put the symbol or "
            "Entrez id there."
        )
    if _OTHER_DELIMITER.search(entry):
        shown = entry if len(entry) <= 40 else f"{entry[:40]}..."
        raise GmtError(
            f"{where}: set {set_id} has {shown!r} in one field. Separate genes by tabs, without "
            "weights."
        )


def _match(lines: list[_Line], genes: GeneNames) -> pd.DataFrame:
    """One row per entry of the file: set_id, entry, gene (or missing), why."""
    rows = [(line.set_id, entry, *genes.match(entry)) for line in lines for entry in line.entries]
    columns = ["set_id", "entry", "gene", "why"]
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
