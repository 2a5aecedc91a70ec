"""Data, tokenizers and models of Cinegraph's small VideoPoet (arXiv 2312.14125)."""
