"""The shipped protocols, as TOML data."""
