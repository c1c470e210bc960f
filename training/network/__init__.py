"""Networks, recipes, batches, fitting, and export to a bundle."""
