"""The C library takes the settings, or is not the one that they are for."""

import platform

from experiments.allocator import keep_freed_memory


def test_glibc_takes_every_setting_and_other_libraries_are_left_alone(monkeypatch):
    assert keep_freed_memory() == (platform.libc_ver()[0] == "glibc")
    monkeypatch.setattr(platform, "libc_ver", lambda: ("musl", "1.2"))
    assert not keep_freed_memory()
