"""What follows from the repository's address: where the site lives, and Colab's links."""

from urllib.parse import urlsplit

from sphinx.errors import ConfigError


def repository_parts(url: str) -> tuple[str, str]:
    """Owner and name of a GitHub repository.

    Raises:
        ConfigError: any other kind of address.
    """
    parts = urlsplit(url)
    names = parts.path.strip("/").removesuffix(".git").split("/")
    if parts.netloc != "github.com" or len(names) != 2:
        raise ConfigError(f"expected https://github.com/OWNER/NAME, got {url!r}")
    return names[0], names[1]


def site_address(url: str) -> str:
    """Where GitHub Pages publishes a repository, with a slash at the end."""
    owner, name = repository_parts(url)
    home = f"https://{owner.lower()}.github.io/"
    return home if name.lower() == f"{owner.lower()}.github.io" else f"{home}{name}/"


def colab_address(url: str, branch: str, path: str) -> str:
    """Where Colab opens a notebook of the repository.

    Args:
        url: the repository.
        branch: for example ``"main"``.
        path: the notebook, from the repository's root.
    """
    owner, name = repository_parts(url)
    return f"https://colab.research.google.com/github/{owner}/{name}/blob/{branch}/{path}"


def fill_in(app, config):
    """Derives the site's address once the configuration is read."""
    config.html_baseurl = site_address(config.html_theme_options["repository_url"])


def not_found_page(app):
    """A page for addresses that do not exist. It stands alone: a host shows it at any depth."""
    return [("404", {"home": app.config.html_baseurl}, "404.html")]


def setup(app):
    """Connects both."""
    app.connect("config-inited", fill_in, priority=100)
    app.connect("html-collect-pages", not_found_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
