"""The trained bundles that ship with genre-live, one folder each; the data only, no code."""
