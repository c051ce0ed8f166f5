"""`burgee serve`: start the server."""

import click

from burgee.surfaces.cli.environment import Environment


@click.command()
@click.option("--host", help="Address to listen on; beyond loopback needs a key [BURGEE_HOST, 127.0.0.1].")
@click.option("--port", type=click.IntRange(0, 65535), help="HTTP port [BURGEE_PORT, 8016].")
@click.option(
    "--ops-port", type=click.IntRange(0, 65535), help="Port of health and metrics [BURGEE_OPS_PORT, 8014]."
)
@click.option("--workers", type=click.IntRange(1, 64), help="Processes on the port [BURGEE_WORKERS, 1].")
@click.option("--data", metavar="DIR", help="Data folder [BURGEE_DATA, ./burgee-data].")
@click.option(
    "--fractional", type=click.Choice(["v2", "v3"]), help="Bucketing generation [BURGEE_FRACTIONAL, v2]."
)
@click.pass_obj
def command(environment: Environment, /, **options: str | int | None) -> int:
    """Serve flags over HTTP until it is told to stop.

    What is not given here comes from the BURGEE_ variables, then from the defaults.
    """
    return environment.serve(
        {f"BURGEE_{name.upper()}": str(value) for name, value in options.items() if value is not None}
    )
