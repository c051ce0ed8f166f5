"""The engine: a snapshot becomes a program of plain Python functions; no clock, chance, files or network."""
