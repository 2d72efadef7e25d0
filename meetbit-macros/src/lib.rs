//! The attribute macros of `meetbit-client`, which re-exports and documents them.
