"""A few flags in two sets, one for each way a flag can answer over OFREP."""

from burgee.model.flag import FlagStatus
from burgee.model.json import JsonObject, JsonValue
from burgee.service.drafts import FlagDraft, FlagSetDraft
from burgee.service.publish import Author
from burgee.service.services import Services

AUTHOR = Author(subject="tests")

VALUES: dict[str, JsonValue] = {
    "boolean": True,
    "text": "yes",
    "whole": 10,
    "fraction": 10.0,
    "object": {"a": [1, 2.5, None], "b": {"c": "d"}},
    "zero": 0,
    "empty": "",
}


def publish_samples(services: Services) -> None:
    """Set `default`: a static flag for each of VALUES, `disabled`, `code-default` and `targeted`.

    Set `shop`, of source `shop.json` and the higher priority: `boolean` = False, and `only-shop`.
    """
    publisher = services.publisher
    for key, value in VALUES.items():
        publisher.put_flag(
            "default", key, FlagDraft(variants={"on": value}, default_variant="on"), author=AUTHOR
        )
    disabled = FlagDraft(variants={"on": True}, default_variant="on", status=FlagStatus.DISABLED)
    publisher.put_flag("default", "disabled", disabled, author=AUTHOR)
    publisher.put_flag("default", "code-default", FlagDraft(variants={"on": True}), author=AUTHOR)
    rule: JsonObject = {"if": [{"==": [{"var": "plan"}, "gold"]}, "on", "off"]}
    targeted = FlagDraft(
        variants={"on": True, "off": False},
        default_variant="off",
        targeting=rule,
        metadata={"owner": "us"},
    )
    publisher.put_flag("default", "targeted", targeted, author=AUTHOR)
    publisher.put_flag_set("shop", FlagSetDraft(source="shop.json", priority=5), author=AUTHOR)
    publisher.put_flag(
        "shop", "boolean", FlagDraft(variants={"off": False}, default_variant="off"), author=AUTHOR
    )
    publisher.put_flag(
        "shop", "only-shop", FlagDraft(variants={"on": 1}, default_variant="on"), author=AUTHOR
    )
