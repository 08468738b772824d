"""`ect init`: what a dataset holds, the questions, and the study.toml that follows."""
