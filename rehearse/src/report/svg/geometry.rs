//! The dimensions that the tracks share.

/// Heights of the tracks, in pixels.
pub const RATE: f64 = 84.0;
pub const FAILED: f64 = 36.0;
pub const LATENCY: f64 = 120.0;

/// Rounds to two decimals, which is enough for the page.
pub fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}
