"""Raw files of generated rows in the layouts of the public datasets: one file a dataset."""
