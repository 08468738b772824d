"""What leaves a study: its tables as a data package, its maps of the brain as images."""
