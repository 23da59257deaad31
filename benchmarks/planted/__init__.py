"""Generated problems of the results: kinds that are evidence, beside those of the dataset `synthetic`."""
