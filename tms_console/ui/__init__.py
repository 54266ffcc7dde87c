"""The window: pages, widgets, plots and the bridge to everything that is not Qt."""
