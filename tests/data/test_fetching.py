"""Downloads: broken off and resumed, from the next address, verified, and never half read."""

import errno
import hashlib
import os
from collections import namedtuple

import pytest

from dlcv.data import fetching
from dlcv.data.fetching import RemoteFile, checksum_of, fetch, is_intact

DATA = bytes(range(256)) * 4000  # 1.02 MB, more than one block

pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture
def server(server):
    server.data["/whole"] = DATA
    return server


def remote(*urls, data=DATA, kind="md5"):
    return RemoteFile("set/file.bin", urls, 1, hashlib.new(kind, data).hexdigest())


def listed(root):
    return sorted(path.name for path in (root / "set").iterdir())


@pytest.mark.parametrize("kind", ["md5", "sha256"])
def test_a_file_is_fetched_whole_and_put_in_its_place(server, root, kind):
    path = fetch(remote(server.url("/whole"), kind=kind))
    assert path == root / "set" / "file.bin"
    assert path.read_bytes() == DATA
    assert listed(root) == ["file.bin"]
    assert server.asked == [("/whole", None)]


def test_a_connection_that_breaks_is_resumed_where_it_broke(server, root):
    """Broken off after 300,000 and after 400,000 more bytes: three requests, each byte once."""
    server.cuts = [300_000, 400_000]
    assert fetch(remote(server.url("/whole"))).read_bytes() == DATA
    assert [wanted for _, wanted in server.asked] == [None, "bytes=300000-", "bytes=700000-"]


def test_a_later_session_goes_on_too(server, root):
    """The server gives up altogether; what has come stays as .part, and the next call continues."""
    server.cuts = [200_000, *[0] * 5]
    with pytest.raises(OSError, match=r"broke off after 200000 of 1024000 bytes"):
        fetch(remote(server.url("/whole")))
    assert listed(root) == ["file.bin.part"]
    server.asked.clear()
    assert fetch(remote(server.url("/whole"))).read_bytes() == DATA
    assert server.asked == [("/whole", "bytes=200000-")]
    assert listed(root) == ["file.bin"]


def test_the_next_address_goes_on_where_the_first_stopped(server, root):
    server.data["/mirror"] = DATA
    server.cuts = [500_000, *[0] * 5]
    fetch(remote(server.url("/whole"), server.url("/mirror")))
    assert server.asked[-1] == ("/mirror", "bytes=500000-")


def test_dead_addresses_are_passed_over(server, root):
    urls = ("http://127.0.0.1:1/closed", server.url("/gone"), server.url("/whole"))
    assert fetch(remote(*urls)).read_bytes() == DATA


def test_if_all_addresses_are_dead_each_is_named_with_its_reason(server, root):
    with pytest.raises(OSError, match=r"1/closed: .*refused.*; http.*/gone: .*404") as error:
        fetch(remote("http://127.0.0.1:1/closed", server.url("/gone")))
    assert "\n" not in str(error.value)
    assert listed(root) == []


def test_a_server_that_cannot_resume_starts_again(server, root):
    server.ranges, server.cuts = False, [300_000]
    assert fetch(remote(server.url("/whole"))).read_bytes() == DATA


def test_a_part_that_is_whole_already_only_needs_its_checksum(server, root):
    (root / "set").mkdir(parents=True)
    (root / "set" / "file.bin.part").write_bytes(DATA)
    assert fetch(remote(server.url("/whole"))).read_bytes() == DATA
    assert server.asked == [("/whole", "bytes=1024000-")]


@pytest.mark.parametrize("stale", [b"something else", DATA + b"more"])
def test_a_part_of_another_file_is_thrown_away_and_fetched_anew(server, root, stale):
    (root / "set").mkdir(parents=True)
    (root / "set" / "file.bin.part").write_bytes(stale)
    assert fetch(remote(server.url("/whole"))).read_bytes() == DATA
    assert server.asked[-1] == ("/whole", None)


def test_a_file_with_a_wrong_checksum_is_deleted_and_the_next_address_tried(server, root):
    server.data["/login"] = b"<html>please sign in</html>"
    assert fetch(remote(server.url("/login"), server.url("/whole"))).read_bytes() == DATA
    (root / "set" / "file.bin").unlink()
    with pytest.raises(OSError, match=r"/login: its checksum is wrong"):
        fetch(remote(server.url("/login")))
    assert listed(root) == []


def test_without_space_nothing_is_asked_for(server, root, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(fetching.shutil, "disk_usage", lambda _: usage(10**7, 10**7, 10**5))
    with pytest.raises(OSError, match=r"1 MB are missing and 0 MB are free"):
        fetch(remote(server.url("/whole")))
    assert server.asked == []


def test_a_disk_that_fills_up_stops_all_and_no_mirror_is_tried(server, root, monkeypatch):
    def full(url, part):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(fetching, "_continue", full)
    with pytest.raises(OSError, match=r"No space left") as error:
        fetch(remote(server.url("/whole"), server.url("/mirror")))
    assert error.value.errno == errno.ENOSPC


def test_a_small_file_is_verified_on_every_call(root):
    path = root / "file"
    root.mkdir()
    path.write_bytes(DATA)
    md5 = hashlib.md5(DATA).hexdigest()
    assert is_intact(path, md5)
    before = path.stat()
    path.write_bytes(b"x" + DATA[1:])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # as if it had never changed
    assert not is_intact(path, md5)
    assert [p.name for p in root.iterdir()] == ["file"]


def test_a_large_file_is_verified_once_until_it_changes(root, monkeypatch):
    monkeypatch.setattr(fetching, "LARGE_BYTES", 1000)
    path, md5 = root / "file", hashlib.md5(DATA).hexdigest()
    root.mkdir()
    path.write_bytes(DATA)
    computed = []
    honest = fetching.checksum_of
    monkeypatch.setattr(
        fetching, "checksum_of", lambda *args: (computed.append(1), honest(*args))[1]
    )
    assert is_intact(path, md5)
    assert is_intact(path, md5)
    assert len(computed) == 1
    assert sorted(p.name for p in root.iterdir()) == ["file", "file.verified"]
    path.write_bytes(b"x" + DATA[1:])
    assert not is_intact(path, md5)
    path.write_bytes(DATA)
    assert is_intact(path, md5)
    assert len(computed) == 3
    assert not is_intact(path, "0" * 32)  # what was remembered was another checksum


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_large_file_in_a_folder_that_cannot_be_written_is_verified_each_time(root, monkeypatch):
    monkeypatch.setattr(fetching, "LARGE_BYTES", 1000)
    root.mkdir()
    (root / "file").write_bytes(DATA)
    root.chmod(0o500)
    assert is_intact(root / "file", hashlib.md5(DATA).hexdigest())
    assert [p.name for p in root.iterdir()] == ["file"]
    root.chmod(0o700)


def test_the_kind_of_a_checksum_shows_in_its_length(tmp_path):
    path = tmp_path / "empty"
    path.write_bytes(b"")
    assert checksum_of(path, "0" * 32) == "d41d8cd98f00b204e9800998ecf8427e"
    assert checksum_of(path, "0" * 64).startswith("e3b0c44298fc1c149afbf4c8996fb924")
