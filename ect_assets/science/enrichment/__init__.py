"""From ranked genes to biology: gene sets, over-representation, GSEA, spatial ensembles."""
