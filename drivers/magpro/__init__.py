"""MagVenture MagPro: codec, driver and emulator."""
