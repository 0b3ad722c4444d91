"""From embeddings to what a reader sees: scores, tables, figures, the report, versions."""
