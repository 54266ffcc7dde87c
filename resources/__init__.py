"""Icons, styles, fonts and templates: data only."""
