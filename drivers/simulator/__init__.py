"""The physics behind every emulator, its faults, and how it is reached."""
