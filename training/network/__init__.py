"""Networks and recipes, the batches they are fitted on, fitting, and the bundle they become."""
