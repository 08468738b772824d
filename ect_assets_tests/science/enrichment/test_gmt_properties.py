"""Whatever happens to a GMT file on its way: the same sets, less with a word, or a refusal."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from ect_assets.science.enrichment.gmt import GmtError, read_gmt

GENES = pd.DataFrame({"gene": [f"GEN{n}" for n in range(40)], "entrez_id": range(101, 141)})
SETS = {
    "synapse": [f"GEN{n}" for n in range(8)],
    "vessel": [f"GEN{n}" for n in range(8, 19)],
    "glia": [f"GEN{n}" for n in range(19, 25)],
    "myelin": [f"GEN{n}" for n in range(25, 40)],
}
DESCRIPTIONS = ["chosen beforehand", "na", "", "https://example.org/x"]


@settings(max_examples=150, deadline=None)
@given(
    order=st.randoms(use_true_random=False),
    has_descriptions=st.booleans(),
    description=st.sampled_from(DESCRIPTIONS),
    is_turned=st.booleans(),
    index=st.none() | st.integers(0, 1),
    case=st.sampled_from(["", "lower", "title"]),
    in_numbers=st.booleans(),
    factor=st.sampled_from([1, 10, 100, 1000]),
    padding=st.sampled_from(["", "\t", "\t\t \t"]),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    mark=st.sampled_from(["", "\ufeff"]),
    repeated=st.booleans(),
)
def test_a_gmt_file_is_spoiled(
    order,
    has_descriptions,
    description,
    is_turned,
    index,
    case,
    in_numbers,
    factor,
    padding,
    line_end,
    mark,
    repeated,
):
    numbers = dict(zip(GENES["gene"], GENES["entrez_id"], strict=True))
    names = list(SETS)
    order.shuffle(names)
    rows = []
    for number, name in enumerate(names, start=index or 0):
        genes = list(SETS[name])
        order.shuffle(genes)
        genes += genes[:1] * repeated
        if in_numbers:
            genes = [str(numbers[gene] * factor) for gene in genes]
        elif case:
            genes = [getattr(gene, case)() for gene in genes]
        row = [name, *([description] if has_descriptions else []), *genes]
        rows.append(row if index is None else [str(number), *row])
    if is_turned:
        longest = max(map(len, rows))
        rows = [
            [row[place] if place < len(row) else "" for row in rows] for place in range(longest)
        ]
    text = mark + "".join("\t".join(row) + padding + line_end for row in rows)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mine.gmt"
        file.write_bytes(text.encode())
        try:
            read = read_gmt(file, GENES)
        except GmtError as error:
            assert str(file) in str(error)
            return
    named = read.sets.groupby("set_name")["gene"].agg(set).to_dict()
    n_entries = sum(map(len, SETS.values())) + repeated * len(SETS)
    assert len(read.sets) + len(read.unmatched) + len(read.repeated) == n_entries
    if not len(read.unmatched):
        by_id = read.sets.groupby("set_id")["gene"].agg(set).to_dict()
        assert {name: set(genes) for name, genes in SETS.items()} in (named, by_id)
