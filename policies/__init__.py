"""Shipped policies, as YAML files beside this one."""
