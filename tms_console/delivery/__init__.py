"""Delivery: gate, engine, session loop and the process that drives the stimulator."""
