"""Classification of many files in parallel, with results as rows and tags: the command genre-scan."""
