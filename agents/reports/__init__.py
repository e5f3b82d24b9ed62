"""Pages and documents for people, self-contained.

Files: ``templating`` with ``templates`` · ``entity_groups`` colours and words for types,
``check_words`` for checks · ``waveform_svg`` · ``plots`` · ``call_files`` reads a call's plain
files · ``call_report`` · ``evaluation_report`` · ``gdpr_record`` processing activities ·
``compliance`` what an auditor reads of a month.

Not here: what is stored (``pipeline.evidence``). Test: ``tests/agents/reports``.
"""
