"""DESAN, the search space of AutoMTL (KDD 2024, section 3), and its ops."""
