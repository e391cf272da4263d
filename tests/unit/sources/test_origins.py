"""Which page may send: scheme, host and port count, their case does not."""

import pytest

from shared.sources.origins import Origins

SHOP = "https://shop.example"
BELOW = "https://*.shop.example"


@pytest.mark.parametrize(
    ("written", "origin", "may_send"),
    [
        (SHOP, "https://shop.example", True),
        (SHOP, "HTTPS://Shop.Example", True),
        (SHOP, "https://shop.example:443", True),
        ("https://shop.example:443", "https://shop.example", True),
        ("HTTPS://SHOP.EXAMPLE", "https://shop.example", True),
        (SHOP, "http://shop.example", False),
        (SHOP, "https://shop.example:8443", False),
        (SHOP, "https://www.shop.example", False),
        (SHOP, "https://shop.example.evil.example", False),
        (SHOP, "https://evilshop.example", False),
        (SHOP, "https://shop.example.", False),
        (SHOP, "https://shop.example/", False),
        (SHOP, "https://shop.example@evil.example", False),
        (SHOP, " https://shop.example", False),
        (SHOP, "https://shop.example\n", False),
        (SHOP, "null", False),
        (SHOP, "", False),
        (SHOP, "*", False),
        (SHOP, "https://sh\u00f6p.example", False),
        (SHOP, "https://shop\u3002example", False),
        # Capital I with a dot becomes two characters in lower case; a Kelvin sign becomes k.
        ("https://kiosk.example", "https://\u212aiosk.example", False),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example", True),
        ("http://localhost:3000", "http://localhost:3000", True),
        ("http://localhost:3000", "http://localhost:3001", False),
        ("http://[::1]:3000", "http://[::1]:3000", True),
        ("capacitor://localhost", "capacitor://localhost", True),
        (BELOW, "https://de.shop.example", True),
        (BELOW, "https://DE.shop.example", True),
        (BELOW, "https://shop.example", False),
        (BELOW, "https://a.b.shop.example", False),
        (BELOW, "https://.shop.example", False),
        (BELOW, "https://*.shop.example", False),
        (BELOW, "https://evilshop.example", False),
        (BELOW, "http://de.shop.example", False),
        (BELOW, "https://de.shop.example:8443", False),
        ("https://*.shop.example:8443", "https://de.shop.example:8443", True),
        (SHOP, "https://" + "a" * 100_000, False),
    ],
)
def test_an_origin_is_compared_whole(written: str, origin: str, *, may_send: bool) -> None:
    assert Origins([written]).admit(origin) is may_send


@pytest.mark.parametrize(
    "written",
    [
        "shop.example",
        "https://shop.example/",
        "https://shop.example/path",
        "https://",
        "*",
        "null",
        "https://*",
        "https://*.example",
        "https://*.*.shop.example",
        "https://de.*.example",
        "https://d*.shop.example",
        "https://user@shop.example",
        "https://shop.example:port",
        "https://shop.example:999999",
        "https://b\u00fccher.example",
        "https://shop.example\n",
        "https://shop..example",
        "https://" + "a" * 400,
    ],
)
def test_what_no_browser_sends_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="as a browser sends them"):
        Origins([written])


def test_a_refusal_does_not_repeat_what_was_written() -> None:
    with pytest.raises(ValueError, match="as a browser sends them") as raised:
        Origins(["canary-7f3a91"])

    assert "canary" not in str(raised.value)


def test_none_given_means_any() -> None:
    assert not Origins([])
    assert Origins([SHOP])
    assert Origins([BELOW])
