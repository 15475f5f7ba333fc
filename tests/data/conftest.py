"""What the tests of real data sets share: no network, and a folder of their own for the data."""

import socket

import pytest


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("no network here")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("DLCV_DATA", str(tmp_path / "data"))
    return tmp_path / "data"
