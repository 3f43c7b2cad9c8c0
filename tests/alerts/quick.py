"""The engine in a hurry, so that tests of the whole service wait for little."""

from __future__ import annotations

from alerts import evaluator, service


class NoPictures:
    """Pictures are drawn in processes of their own; they would only cost time here."""

    def paint(self, *_):
        return None

    def warm(self):
        return True

    def close(self):
        return


def hurry(monkeypatch, every):
    """A tick each `every`, the other jobs several times a second, no pictures."""
    for module in (service, evaluator):
        monkeypatch.setattr(module, "EVERY", every)
    monkeypatch.setattr(service, "_TURNS_S", dict.fromkeys(service._TURNS_S, 0.2) | {"tidy": 60.0, "ping": 60.0})
    monkeypatch.setattr(service, "_LOOK_S", 0.2)
    monkeypatch.setattr(service, "_STANDBY_S", 0.5)
    monkeypatch.setattr(service, "Painter", NoPictures)
