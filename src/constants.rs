//! The values of `flipless.toml` that the code needs; the build script writes them.

/// Who holds the instance's public port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrontMode {
    /// systemd holds port 80 for the real nginx; EB flips a stand-in.
    Nginx,
    /// The server itself is on port 80.
    Direct,
    /// EB's nginx untouched.
    Stock,
}

include!(concat!(env!("OUT_DIR"), "/constants.rs"));
