"""Whether a parcellation is compared with gene expression, and whose expression that is.

What was found stands in the templates of the sections.
"""

from __future__ import annotations

from ect_assets.report.pages.display_names import parcellation_name
from ect_assets.report.pages.facts import Facts
from ect_assets.report.questions import COMPONENT, of_parcellation
from ect_assets.study import Study

SIMULATED_DONORS = """SELECT parcellation, simulated FROM expression_methods
WHERE '{parcellation}' IN ('', parcellation) ORDER BY parcellation"""


def why_no_genes(facts: Facts, study: Study) -> str | None:
    """Say why there is no comparison with gene expression; None where there is one."""
    if facts.ask(of_parcellation(COMPONENT)):
        return None
    name = facts.setting.parcellation
    settings = study.parcellations.get(name)
    if settings is not None and settings.expression == "none":
        return (
            f'study.toml gives {parcellation_name(name)} no gene expression (expression = "none"), '
            "so the map of change was not compared with genes, pathways or cell types."
        )
    return "The map of change has not been compared with gene expression: it was not computed."


def donors_are_simulated(facts: Facts, study: Study) -> str:
    """Say that gene expression is that of simulated donors, where it is.

    Returns
    -------
    str
        Empty where all donors are real. On the page of the whole study the parcellations are
        named, unless it holds for all.
    """
    made = facts.ask(SIMULATED_DONORS)
    names = [parcellation_name(name) for name, simulated in made.rows if simulated]
    if not names:
        return ""
    of_whom = "" if len(names) == len(made.rows) else f" in {' and '.join(names)}"
    return (
        f"The donors of gene expression{of_whom} are simulated{' too' if study.simulated else ''}: "
        f"genes, pathways and cell types below{of_whom} are not findings."
    )
