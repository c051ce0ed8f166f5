"""`python -m burgee` is the `burgee` command."""

from burgee.entrypoints.cli import main

main()
