"""Whose key, whose account, which address: the rules, and that nothing but the API itself gets to see the key."""

from __future__ import annotations

from pathlib import Path

import pytest
from fireworks_lab import done, opened
from fireworks_server import FireworksServer

from exx import BackendError, Transient


def test_the_only_account_of_a_key_is_found(server: FireworksServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """``FIREWORKS_ACCOUNT_ID`` need not be set then."""
    monkeypatch.delenv("FIREWORKS_ACCOUNT_ID")
    with opened() as service:
        assert len(done(service)) == 6

    assert server.counts["accounts.list"] == 1


def test_of_several_accounts_none_is_chosen(server: FireworksServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are named, so that one can be set."""
    monkeypatch.delenv("FIREWORKS_ACCOUNT_ID")
    server.change(others=("acme-prod",))
    with pytest.raises(BackendError, match="acme-lab, acme-prod") as refused, opened():
        pass

    assert "FIREWORKS_ACCOUNT_ID" in str(refused.value.hint)


@pytest.mark.parametrize("said", ["acme-lab", "accounts/acme-lab", "accounts/acme-lab/", " acme-lab\n"])
def test_an_account_may_be_given_by_its_whole_name(
    server: FireworksServer, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    """``accounts/`` in front is taken off; it is not asked for."""
    monkeypatch.setenv("FIREWORKS_ACCOUNT_ID", said)
    with opened() as service:
        assert len(done(service)) == 6

    assert server.counts["accounts.list"] == 0


def test_the_option_goes_before_the_environment(server: FireworksServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the account as for the address."""
    monkeypatch.setenv("FIREWORKS_ACCOUNT_ID", "somebody-else")
    monkeypatch.setenv("FIREWORKS_API_BASE", "http://127.0.0.1:9")
    with opened(account_id=server.account, api_base=server.url) as service:
        assert len(done(service)) == 6


def test_a_mail_address_is_no_account(server: FireworksServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commonest mistake; nothing is asked with it."""
    monkeypatch.setenv("FIREWORKS_ACCOUNT_ID", "me@example.com")
    with pytest.raises(BackendError, match="account id") as refused, opened():
        pass

    assert "mail address" in str(refused.value.hint)
    assert server.calls == []


@pytest.mark.parametrize("name", ["FIREWORKS_API_BASE", "FIREWORKS_BASE_URL"])
@pytest.mark.parametrize("behind", ["", "/", "/v1", "/v1/", "/inference/v1"])
def test_the_address_may_be_given_in_two_ways(
    server: FireworksServer, monkeypatch: pytest.MonkeyPatch, name: str, behind: str
) -> None:
    """Under the name that its own libraries use, and under that of others; with or without a path."""
    monkeypatch.delenv("FIREWORKS_API_BASE")
    monkeypatch.setenv(name, server.url + behind)
    with opened() as service:
        assert len(done(service)) == 6


def test_of_two_addresses_the_base_goes_first(server: FireworksServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """FIREWORKS_API_BASE before FIREWORKS_BASE_URL."""
    monkeypatch.setenv("FIREWORKS_BASE_URL", "http://127.0.0.1:9")
    with opened() as service:
        assert len(done(service)) == 6


@pytest.mark.parametrize("said", ["api.fireworks.ai", "ftp://127.0.0.1", "https://user:pass@host", "http://"])
def test_what_is_no_address_is_refused(server: FireworksServer, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    """Before anything is sent there."""
    monkeypatch.setenv("FIREWORKS_API_BASE", said)
    with pytest.raises(BackendError, match="address"), opened():
        pass


def test_nobody_there_is_told_as_passing(server: FireworksServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection refused may be a service that restarts."""
    monkeypatch.setenv("FIREWORKS_API_BASE", "http://127.0.0.1:9")
    with pytest.raises(Transient, match="connection"), opened() as service:
        service.status("exx-a")


@pytest.mark.parametrize("key", ["with blank", "fw_ü", "\u200bfw_x"])
def test_what_is_no_key_is_refused_and_not_repeated(
    server: FireworksServer, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    """A slip while copying; the message does not hold it."""
    monkeypatch.setenv("FIREWORKS_API_KEY", key)
    with pytest.raises(BackendError, match="FIREWORKS_API_KEY") as refused, opened():
        pass

    assert key not in str(refused.value)
    assert server.calls == []


def test_a_key_with_a_line_end_is_taken_without(server: FireworksServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As ``$(cat file)`` would, and an editor would not."""
    monkeypatch.setenv("FIREWORKS_API_KEY", f"  {server.key}\n")
    with opened() as service:
        assert len(done(service)) == 6


def test_a_netrc_neither_replaces_the_key_nor_reaches_the_storage(
    server: FireworksServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The library below would take a password for this host from there and send it everywhere."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password other\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with opened() as service:
        assert len(done(service)) == 6


def test_the_storage_never_sees_the_key(server: FireworksServer) -> None:
    """A signed address is all that it takes; the server refuses both together."""
    with opened() as service:
        done(service)

    gets = [call for call in server.calls if call.kind == "storage.get"]
    assert gets and all(call.status == 200 for call in gets)
