"""Where settings are looked for, first match first: ``--config-dir``, ``configs``, every study."""

from __future__ import annotations

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin

from holdfast.core.shipped import shipped_folder


class StudySearchPath(SearchPathPlugin):
    """Puts every study's folder on Hydra's search path, so that ``experiment=<name>`` finds its config."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        """Append the studies after the settings."""
        for study in sorted(shipped_folder("experiments").iterdir()):
            if (study / "experiment").is_dir():
                search_path.append(provider="holdfast-experiments", path=f"file://{study}")


def register_search_path() -> None:
    """Make Hydra find the studies."""
    Plugins.instance().register(StudySearchPath)
