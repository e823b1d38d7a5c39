"""A moderator, and his browser at the desk; a mail server for the mail room."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.making import make_moderator


@pytest.fixture
def ida() -> User:
    """Returns a moderator who may see the queue and decide."""
    made = make_moderator("ida")
    made.first_name = "Ida"
    made.save()
    return made


@pytest.fixture
def desk(client: Client, ida: User) -> Client:
    """Returns a browser in which she has signed in."""
    client.force_login(ida)
    return client
