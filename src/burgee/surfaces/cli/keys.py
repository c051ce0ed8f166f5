"""`burgee keys`: the keys by which programs evaluate flags."""

from urllib.parse import quote

import click

from burgee.model.json import JsonObject
from burgee.surfaces.cli.management import Management
from burgee.surfaces.cli.options import reaches_flags
from burgee.surfaces.cli.output import Output, moment
from burgee.surfaces.cli.tokens import Duration

KINDS = ("server", "client")


@click.group()
def command() -> None:
    """Make, list and revoke SDK keys."""


@command.command("create")
@click.option(
    "--name", required=True, metavar="NAME", help="What the key is for; two of a name may be active."
)
@click.option(
    "--kind", type=click.Choice(KINDS), default="server", show_default=True, help="Where the key is used."
)
@click.option("--ttl", type=Duration(), help="How long it is good; for good if left out.")
@click.option("--flag-set", "flag_sets", multiple=True, metavar="SET", help="Only this flag set.")
@reaches_flags
def create(
    management: Management,
    output: Output,
    name: str,
    kind: str,
    ttl: int | None,
    flag_sets: tuple[str, ...],
) -> None:
    """Print a new key; it cannot be shown again."""
    request: JsonObject = {"name": name, "kind": kind}
    if ttl is not None:
        request["ttlSeconds"] = ttl
    if flag_sets:
        request["flagSets"] = list(flag_sets)
    answer = management.write("POST", "/api/v1/keys", request)
    if output.as_json:
        output.document(answer)
    else:
        output.text(str(answer["key"]))


@command.command("list")
@reaches_flags
def list_keys(management: Management, output: Output) -> None:
    """List all keys without their secrets, revoked ones too."""
    keys = list(management.pages("/api/v1/keys", {"limit": 500}))
    if output.as_json:
        output.document(keys)
        return
    columns = ("id", "name", "kind", "flag sets", "state", "created", "expires", "last used")
    output.table(columns, (_row(key) for key in keys), empty="no keys")


@command.command("revoke")
@click.argument("key_id", metavar="ID")
@reaches_flags
def revoke(management: Management, output: Output, key_id: str) -> None:
    """End a key at once; give its id, or the key itself."""
    parts = key_id.split("_", 2)
    key_id = parts[1] if len(parts) > 1 else key_id
    management.send("DELETE", f"/api/v1/keys/{quote(key_id, safe='')}")
    if output.as_json:
        output.document({"id": key_id, "revoked": True})
    else:
        output.remark(f"revoked {key_id}")


def _row(key: JsonObject) -> tuple[object, ...]:
    sets = key.get("flagSets")
    state = "active" if key.get("active") else "revoked" if key.get("revokedAt") else "expired"
    return (
        key.get("id"),
        key.get("name"),
        key.get("kind"),
        " ".join(map(str, sets)) if isinstance(sets, list) and sets else "all",
        state,
        moment(key.get("createdAt")),
        moment(key.get("expiresAt")),
        moment(key.get("lastUsedAt")),
    )
