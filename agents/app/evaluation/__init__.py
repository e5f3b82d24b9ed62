"""Runs what is to be evaluated.

Files: ``run_texts`` the real detector on labelled texts · ``run_calls`` recorded calls, by the
whole line · ``tune_policy`` thresholds for a recall · ``bench_models`` what a machine carries.
Scores and figures are ``pipeline.evaluation``.
"""
