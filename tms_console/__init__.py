"""The console: the program from which a technician runs a session."""
