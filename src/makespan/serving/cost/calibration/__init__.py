"""Fitting of cost models to measurements: tables of operators, and steps of a real engine."""
