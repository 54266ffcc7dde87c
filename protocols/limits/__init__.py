"""Published limit tables as TOML data, and the review of a dose against them."""
