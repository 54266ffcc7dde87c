"""The Magstim family, 200², BiStim² and Rapid²: codec, rules, emulators, drivers."""
