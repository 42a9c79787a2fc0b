"""Receives, keeps, judges and shows what the gateways send."""
