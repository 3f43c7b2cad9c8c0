from __future__ import annotations

import pytest

from alerts.painter import Painter
from tests.alerts.mail_server import MailServer


@pytest.fixture
def mail_server():
    server = MailServer().start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def painter():
    """One warm painter for the session: matplotlib takes a second to import."""
    found = Painter(budget=15)
    assert found.warm()
    yield found
    found.close()
