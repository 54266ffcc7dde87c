"""The shipped forms as TOML data, one file for each version; a used version never changes."""
