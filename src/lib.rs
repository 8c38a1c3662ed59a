//! An empty library. If cargo builds it with the feature `platform`, the build script runs, and no server is
//! compiled. The demonstration server is the program in `main.rs`.
