"""What the services have in common: contracts, storage, processes. No module here imports a service."""
