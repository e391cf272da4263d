"""Settings of a source: a rule that is mistyped is refused, never kept and ignored."""

import msgspec
import pytest

from shared.sources.source import SourceSettings, settings_from, settings_json

TRAPS = [
    ({"deny_properties": ["propertys.card"]}, "deny_properties, number 1"),
    ({"deny_properties": ["properties.card", "email"]}, "deny_properties, number 2"),
    ({"deny_properties": ["properties."]}, "key after each dot"),
    ({"deny_properties": ["properties..card"]}, "key after each dot"),
    ({"deny_properties": ["properties. card"]}, "key after each dot"),
    ({"deny_properties": ["properties.card\n"]}, "key after each dot"),
    ({"deny_properties": ["Properties.card"]}, "deny_properties, number 1"),
    ({"allow_properties": ["thought"]}, "allow_properties, number 1"),
    ({"allow_properties": [""]}, "allow_properties"),
    ({"hash_fields": ["traits"]}, "leads to a key"),
    ({"hash_fields": ["e-mail"]}, "hash_fields, number 1"),
    ({"hash_fields": ["email.domain"]}, "hash_fields, number 1"),
    ({"allowed_origins": ["https://shop.example/"]}, "allowed_origins, number 1"),
    ({"allowed_origins": "https://shop.example"}, "allowed_origins"),
    ({"ip": "truncated"}, "ip"),
    ({"consent": {"required": ["analytics"], "when_missing": "ignore"}}, "when_missing"),
    ({"consent": {"require": ["analytics"]}}, "require"),
    ({"events_per_second": 0}, "events_per_second"),
    ({"events_per_second": -1}, "events_per_second"),
    ({"events_per_second": True}, "events_per_second"),
    ({"burst": 1.5}, "burst"),
    ({"events_per_day": 0}, "events_per_day"),
    ({"events_per_secnd": 1}, "unknown field"),
]


@pytest.mark.parametrize(("written", "named"), TRAPS)
def test_a_mistyped_setting_is_refused_and_named(written: dict[str, object], named: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=named):
        settings_from(written)


def test_what_was_checked_can_be_stored_and_read_again() -> None:
    settings = settings_from(
        {
            "allowed_origins": ["https://*.shop.example"],
            "allow_properties": ["properties", "traits.plan"],
            "deny_properties": ["properties.a.b.c", "context.page.url", "thought"],
            "hash_fields": ["email", "user_id", "traits.phone"],
            "ip": "drop",
            "consent": {"required": ["analytics"]},
        }
    )

    assert settings_from(settings_json(settings)) == settings


def test_nothing_set_means_that_only_addresses_are_cut_down() -> None:
    assert settings_from({}) == SourceSettings(ip="truncate")
