"""Fitted methods as files: plain values in JSON, arrays in safetensors, and nothing that is run."""
