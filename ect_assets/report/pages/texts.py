"""What several pages say in the same words."""

from __future__ import annotations

SIMULATED = (
    "The participants of this study are simulated. Its numbers show that the platform works; they "
    "allow no conclusion about any treatment."
)
FEW = 12
"""Participants; with fewer the page warns that single people decide."""
MANY_MISSING = 0.2
"""Share of the participants; where more did not enter the analysis the page says so."""
FOR_WHOM = (
    "For the study's own people: figures and the tables behind them hold values of single "
    "participants. Not a medical device."
)
