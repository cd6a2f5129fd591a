"""A team's gunicorn hooks together with the image's."""

import inspect

import pytest
from gunicorn.config import Config

from backend.server import draining, handover, hooks


def test_hook_of_the_team_runs_first_and_that_of_the_image_runs_even_if_it_fails():
    ran = []

    def team_hook(server):
        ran.append("team")
        raise ValueError

    def image_hook(server):
        ran.append("image")

    both = hooks.join("when_ready", image_hook, team_hook)
    with pytest.raises(ValueError):  # noqa: PT011  it has no message
        both(None)
    assert ran == ["team", "image"]


def test_post_request_may_take_fewer_arguments_as_gunicorn_allows():
    seen = []
    both = hooks.join("post_request", draining.end, lambda worker, req: seen.append(req))
    both("worker", "request", {}, None)
    assert seen == ["request"]


def test_joined_hook_is_accepted_by_gunicorn_and_recognized_as_the_images():
    config = Config()
    config.set("on_starting", hooks.join("on_starting", handover.take, lambda server: None))
    assert inspect.unwrap(config.on_starting) is handover.take


def test_hook_that_gunicorn_refuses_is_left_for_the_boot_to_report():
    def wrong() -> None:
        pass

    assert hooks.join("when_ready", handover.take, wrong) is wrong
