"""Which gene a name means: symbols, aliases, Entrez ids, and names that are nearly one.

The matrix keeps the symbols of its own time. A gene is therefore found by its Entrez id, which
outlives a change of symbol.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

import pandas as pd

from ect_assets.problems import EctError

MOST_SUGGESTED = 5


class UnknownGene(EctError):
    """A name is that of no gene, or of several; the message names what may have been meant."""


@dataclass(frozen=True)
class GeneName:
    """A gene, and what it is called.

    Attributes
    ----------
    asked : str
        As it was asked for.
    symbol : str
        Its symbol in Entrez Gene; the matrix's where it has been withdrawn there.
    in_matrix : str or None
        What the matrix calls it; None where it is not in the matrix.
    aliases : tuple of str
        Its other names.
    namesakes : tuple of str
        Symbols of other genes that have the asked name as an alias.
    """

    asked: str
    entrez_id: int
    symbol: str
    in_matrix: str | None
    aliases: tuple[str, ...]
    namesakes: tuple[str, ...]


def find_gene(asked: str, genes: pd.DataFrame, names: pd.DataFrame) -> GeneName:
    """Find the gene that a name means: by symbol, then by alias, in any case of its letters.

    Parameters
    ----------
    asked : str
        A symbol, an alias or an Entrez id.
    genes : DataFrame
        gene and entrez_id of the matrix.
    names : DataFrame
        name, entrez_id and is_symbol of all genes.

    Raises
    ------
    UnknownGene
        When no gene has the name, or it is an alias of several.
    """
    asked = asked.strip()
    mine = genes.rename(columns={"gene": "name"})
    symbols, aliases = names[names.is_symbol], names[~names.is_symbol]
    candidates = (_of_entrez(asked, mine, names), _named(mine, asked), _named(symbols, asked))
    chosen = next((ids for ids in (*candidates, _named(aliases, asked)) if ids), [])
    if not chosen:
        raise UnknownGene(_unknown(asked, mine, symbols))
    if len(chosen) > 1:
        raise UnknownGene(
            f"{asked!r} is a name of {len(chosen)} genes: "
            f"{', '.join(_described(one, mine, symbols) for one in chosen)}. Ask for one of them."
        )
    return _gene(asked, chosen[0], mine, names)


def _of_entrez(asked: str, mine: pd.DataFrame, names: pd.DataFrame) -> list[int]:
    known = asked.isascii() and asked.isdigit() and {*mine.entrez_id, *names.entrez_id}
    return [int(asked)] if known and int(asked) in known else []


def _named(names: pd.DataFrame, asked: str) -> list[int]:
    """List the Entrez ids of a name; exactly as it is written goes before other cases."""
    exact = names[names.name == asked]
    found = exact if len(exact) else names[names.name.str.upper() == asked.upper()]
    return [int(one) for one in dict.fromkeys(found.entrez_id)]


def _gene(asked: str, entrez_id: int, mine: pd.DataFrame, names: pd.DataFrame) -> GeneName:
    of_it = names[names.entrez_id == entrez_id]
    in_matrix = next(iter(mine.name[mine.entrez_id == entrez_id]), None)
    symbol = next(iter(of_it.name[of_it.is_symbol]), in_matrix)
    others = names[(names.name.str.upper() == asked.upper()) & (names.entrez_id != entrez_id)]
    symbols = names[names.is_symbol].set_index("entrez_id").name
    return GeneName(
        asked=asked,
        entrez_id=entrez_id,
        symbol=str(symbol),
        in_matrix=in_matrix,
        aliases=tuple(name for name in of_it.name if name not in (symbol, in_matrix)),
        namesakes=tuple(sorted(set(symbols.reindex(others.entrez_id).dropna()))),
    )


def _described(entrez_id: int, mine: pd.DataFrame, symbols: pd.DataFrame) -> str:
    in_matrix = mine.name[mine.entrez_id == entrez_id]
    symbol = symbols.name[symbols.entrez_id == entrez_id]
    name = next(iter([*in_matrix, *symbol]), "?")
    return f"{name} (Entrez {entrez_id}{'' if len(in_matrix) else ', not in the matrix'})"


def _unknown(asked: str, mine: pd.DataFrame, symbols: pd.DataFrame) -> str:
    of_matrix, of_others = ({one.upper(): one for one in frame.name} for frame in (mine, symbols))
    close = get_close_matches(asked.upper(), of_matrix, MOST_SUGGESTED, cutoff=0.75)
    meant = [of_matrix[one] for one in close]
    if not meant:
        close = get_close_matches(asked.upper(), of_others, MOST_SUGGESTED, cutoff=0.75)
        meant = [of_others[one] for one in close]
    advice = (
        f"Did you mean {', '.join(meant)}?"
        if meant
        else "Symbols, aliases and Entrez ids of human genes are known, for example SST or 6750."
    )
    return f"There is no human gene called {asked!r}. {advice}"
