"""Parallel work in processes of this computer or on the workers of a Dask cluster, with one interface."""
