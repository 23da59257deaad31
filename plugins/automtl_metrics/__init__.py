"""The metrics of rankings: PR-AUC, AUC by user, and NDCG."""
