"""Runs any stage: order per call, acknowledgement of a contiguous prefix. It knows no stage.

In: deliveries of a broker. Out: what a stage's steps ask for.

Files: ``broker_port`` what is needed of a broker · ``steps`` the seam to the stages · ``call_run``
one call at one stage · ``intake`` what came of the partitions, ``offsets`` what of it may be
acknowledged · ``engine_pool`` and ``batching`` windows of all calls to speech engines · ``outbox``
what a stage sends · ``events`` content-free messages · ``dead_letters`` · ``stage_runtime`` all of
it together · ``record_runtime`` the same for a stage that works record by record · ``pulse``
whether a stage still moves.

Test: ``tests/agents/runtime``; against a model ``test_runtime_model``; all stages under faults
``tests/simulation``.
"""
