"""`burgee completion`: a completion script for the user's shell."""

import click
from click.shell_completion import get_completion_class

from burgee.surfaces.cli.command_line import COMPLETION_VARIABLE, PROGRAM, burgee


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print a completion script for SHELL.

    bash: eval "$(burgee completion bash)"    zsh: the same with zsh    fish: burgee completion fish | source
    """
    script = get_completion_class(shell)
    assert script is not None
    click.echo(script(burgee, {}, PROGRAM, COMPLETION_VARIABLE).source())
