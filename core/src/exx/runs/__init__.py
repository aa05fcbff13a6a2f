"""Runs that exist: finding them, saying what they are, archiving them, removing them."""
