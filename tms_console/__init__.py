"""The console: the program from which a technician runs a session."""

__version__ = "0.1.0"
