"""The topics that an installation counts: its own list, or the shipped one."""

from __future__ import annotations

from agents.settings.analytics import AnalyticsSettings
from pipeline.analytics.topics import TopicList, load_topics, shipped_topics


def topics_of(settings: AnalyticsSettings) -> TopicList:
    """The list that counts.

    Raises:
        PolicyError: the file that the settings name is refused, with a line for each mistake.
    """
    return load_topics(settings.topics) if settings.topics else shipped_topics()
