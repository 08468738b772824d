"""What a notebook or `ect associate` calls: maps against genes without a study, and studies."""
