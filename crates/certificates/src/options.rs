//! The command line of `renew`.

use std::path::PathBuf;
use std::time::Duration;

/// The default of [`Options::order_limit`]. The unit uses this default. The authority may take this long to validate
/// the challenges, and then this long again to sign the certificate.
pub const ORDER_LIMIT: Duration = Duration::from_secs(100);

/// The options, as the unit sets them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The settings file.
    pub settings: PathBuf,
    /// The state folder.
    pub state: PathBuf,
    /// The folder with the files of challenges.
    pub challenges: PathBuf,
    /// The certificate that nginx serves.
    pub installed: Option<PathBuf>,
    /// Whether to order in any case.
    pub force: bool,
    /// The host and port to fetch the test token from, instead of each domain's port 80.
    pub connect_to: Option<String>,
    /// How long one call of `renew` waits for the validation, and again for the certificate.
    pub order_limit: Duration,
}
