"""The serial link: requests from a host in, queries to the core out, and the answers back."""
