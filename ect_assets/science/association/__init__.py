"""A map against gene expression: the tests of the other packages, composed into tables."""
