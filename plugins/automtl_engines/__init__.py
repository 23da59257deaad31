"""The engine that runs trials in several processes of this machine."""
