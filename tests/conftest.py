"""What all tests share: one Chromium, started with the first that needs it; and GPUs, or none."""

import pytest


def pytest_runtest_setup(item):
    """Skip what compares the CPU with a GPU where there is none; `make gpu` runs exactly these."""
    if item.get_closest_marker("cuda") is not None:
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a CUDA device")


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import sync_playwright

    from tools.ensure_browser import ARGUMENTS, browser_path

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=ARGUMENTS)
        yield browser
        browser.close()
