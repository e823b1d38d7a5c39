"""What the log of the site does not say."""

from __future__ import annotations

import logging
from io import StringIO
from typing import Any

from django.conf import settings

from blog.logs import WithoutSecrets


def test_the_secret_of_a_subscriber_is_in_no_line() -> None:
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(WithoutSecrets())
    logger = logging.Logger("a logger")
    logger.addHandler(handler)
    path = "/subscriptions/GTh6GE9JHEZYzWdas6Kj093W4h/leave/site/"
    logger.error("%s: %s", "Service Unavailable", path)
    logger.error("all of %d went well", 3)
    assert stream.getvalue() == (
        "Service Unavailable: /subscriptions/…/leave/site/\nall of 3 went well\n"
    )


def test_every_line_of_the_site_goes_that_way() -> None:
    logging_: dict[str, Any] = settings.LOGGING
    [handler] = logging_["handlers"].values()
    assert handler["filters"] == ["without_secrets"]
    assert logging_["filters"]["without_secrets"]["()"] == "blog.logs.WithoutSecrets"
