"""What is opened before a server's first case, because it has to be quiet for longer than a case should wait."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def quiet_since_the_start(lasting):
    """Give a stream on which nothing has been published since it was opened."""

    def give():
        return lasting("quiet", lambda server: server.open("/events/topic?topic=quiet"))

    give()
    return give
