//! Layers and services of the user's own.

mod middleware;
