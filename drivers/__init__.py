"""Stimulators: interface, wire protocols, emulators."""
