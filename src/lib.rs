//! An empty library: cargo runs the build script for it, with the feature `platform`, and compiles no server.
//! The demonstration server is the program beside it (`main.rs`).
