"""What results say: figures with their intervals, comparisons, thresholds.

Files: ``statistics`` Wilson, bootstrap, McNemar · ``summary`` figures and the gate over them ·
``comparison`` two evaluations of one truth, ``span_diff`` what they silence otherwise,
``span_agreement`` two sets of spans without content · ``threshold_curves`` precision and recall on
calls · ``threshold_choice`` a threshold for a recall, judged on other cases.
"""
