from hypothesis import settings
from puck_webhooks.testing import puck_delivery

__all__ = ["puck_delivery"]

# The same examples in every run, and nothing stored.
settings.register_profile("repository", derandomize=True, database=None, deadline=None)
settings.load_profile("repository")
