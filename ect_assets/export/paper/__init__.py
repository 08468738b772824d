"""`ect paper`: what a manuscript takes from a study, with every number bound to its query."""
