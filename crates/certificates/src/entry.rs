//! Reaches the authority with the stored account, or with a new one.

use std::time::Duration;

use flipless_settings::Https;
use rustls::pki_types::CertificateDer;

use crate::account::Stored;
use crate::authority::Authority;
use crate::client::{Client, RetryAfter};
use crate::failure::Failure;
use crate::http::Sender;
use crate::options::Options;
use crate::tls;

/// The time limit for one request.
const REQUEST: Duration = Duration::from_secs(30);

/// Uses the stored account, or registers a new one.
///
/// # Errors
/// If the authority does not answer, or refuses to register an account.
pub async fn enter<'a>(
    options: &'a Options,
    settings: &'a Https,
    retry_after: &RetryAfter,
    roots: &[CertificateDer<'static>],
) -> Result<Authority<'a>, Failure> {
    let (stored, fault) = Stored::load(&options.state, settings);
    fault
        .iter()
        .for_each(|fault| eprintln!("{fault}; registering another account"));
    let sender = Sender {
        tls: tls::connector(roots),
        limit: REQUEST,
        instead: None,
    };
    let client = Client {
        sender,
        retry_after: retry_after.clone(),
    };
    Authority::enter(settings, &options.state, client, stored).await
}
