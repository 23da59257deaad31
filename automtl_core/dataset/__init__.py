"""The interface of datasets: fields, labels, schema and feature encodings."""
