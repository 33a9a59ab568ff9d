import pytest

from harvester.errors import ConfigError
from harvester.sandbox.ahrefs.terms import AhrefsSwitches
from harvester.sandbox.switches import Switch, by_provider, parse_switch, switched


def test_a_switch_names_provider_field_and_value() -> None:
    assert parse_switch("ahrefs.retry_after=true") == Switch("ahrefs", "retry_after", "true")
    assert parse_switch("ahrefs.insufficient_plan=a=b").value == "a=b"


@pytest.mark.parametrize("text", ["", "retry_after=true", "ahrefs.retry_after", "ahrefs.=true", ".x=true"])
def test_what_is_no_switch_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"expected provider\.name=value"):
        parse_switch(text)


def test_switches_become_typed_values() -> None:
    texts = ["retry_after=true", "cache=false", "null_fields=dropped", "insufficient_plan=anchors"]
    found = switched(AhrefsSwitches, [parse_switch(f"ahrefs.{text}") for text in texts])
    assert found == AhrefsSwitches(retry_after=True, cache=False, null_fields="dropped", insufficient_plan="anchors")


def test_all_faults_are_told_at_once() -> None:
    texts = ["ahrefs.retry=true", "ahrefs.cache=yes", "ahrefs.null_fields=maybe", "ahrefs.balance_lag_s=soon"]
    with pytest.raises(ConfigError) as caught:
        switched(AhrefsSwitches, map(parse_switch, texts))
    first, second, third, fourth = caught.value.faults
    assert first.startswith("switch ahrefs.retry: unknown; there are balance_lag_s, retry_after, ")
    assert second == "switch ahrefs.cache = 'yes': expected true or false"
    assert third == "switch ahrefs.null_fields = 'maybe': expected present or dropped"
    assert fourth == "switch ahrefs.balance_lag_s = 'soon': expected a number of seconds"


def test_switches_go_to_their_provider() -> None:
    assert by_provider(["ahrefs.cache=false"], {"ahrefs": 1, "moz": 2}) == {
        "ahrefs": [Switch("ahrefs", "cache", "false")],
        "moz": [],
    }
    with pytest.raises(ConfigError, match="no provider of that name; there are ahrefs"):
        by_provider(["bing.cache=false"], {"ahrefs": 1})
