"""What pytest sees of a lecture becomes its page: tests/one_pass.py."""

pytest_plugins = ["one_pass"]
