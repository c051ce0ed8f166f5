"""Flags in one SQLite file, through APSW (docs/decisions/0001-sqlite-through-apsw.md)."""
