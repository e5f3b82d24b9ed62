"""Runs an encoder's graph, one session, one thread, and parts texts into its word pieces."""

from __future__ import annotations

import onnxruntime
from tokenizers import Tokenizer


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


def parting(tokenizer: bytes) -> Tokenizer:
    """What parts a text into pieces, all of it and nothing beside it.

    Args:
        tokenizer: the content of a ``tokenizer.json``.

    Raises:
        Exception: the library's own, where it is none.
    """
    made = Tokenizer.from_str(tokenizer.decode())
    made.no_padding()
    made.no_truncation()
    return made
