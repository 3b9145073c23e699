//! Plain settings of the data plane: what the configuration checks and what the proxy runs on.
