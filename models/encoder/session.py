"""Runs an encoder's graph: one session, one thread."""

from __future__ import annotations

import onnxruntime


def opened(graph: bytes) -> tuple[onnxruntime.InferenceSession, tuple[str, ...]]:
    """A graph that is ready to run, and the labels that it tells.

    Raises:
        Exception: of many kinds, the library's own, where it is no graph.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    told = session.get_modelmeta().custom_metadata_map.get("labels", "")
    return session, tuple(told.split())
