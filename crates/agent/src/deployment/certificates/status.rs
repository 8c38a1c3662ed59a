//! The part of `status` about HTTPS.

use anyhow::Result;
use serde::Serialize;

use super::progress;
use crate::instance::system::System;
use crate::proxy::{certificate, https};

/// The part of `status` about HTTPS.
#[derive(Debug, Serialize)]
pub struct Status {
    domains: Vec<String>,
    port: u16,
    /// The path of the owner's own certificate; `null` for an authority's.
    own: Option<String>,
    /// `null` without a certificate, and if the owner's own certificate is unreadable.
    certificate: Option<Certificate>,
    /// When the program for certificates next asks the authority, in seconds since 1970.
    next_try: Option<u64>,
    failures: u64,
    last_error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Certificate {
    /// `null` for the owner's own certificate.
    issuer: Option<String>,
    self_signed: bool,
    names: Vec<String>,
    /// Seconds since 1970.
    not_after: i64,
    /// Negative after the certificate has expired.
    left_seconds: i64,
}

/// Returns the status; `None` without HTTPS.
///
/// # Errors
/// If the settings in force are unreadable.
pub fn status(system: &System) -> Result<Option<Status>> {
    let settings = system.settings_in_force()?;
    if !https::is_on(&settings) {
        return Ok(None);
    }
    let now = system.commands().unix_time();
    let own = settings.https.certificate.clone();
    let found = certificate::installed(system).ok().flatten();
    let progress = progress::read(system)
        .filter(|_| own.is_none())
        .unwrap_or_default();
    Ok(Some(Status {
        domains: settings.https.domains.clone(),
        port: settings.https.port,
        certificate: found.map(|found| Certificate {
            left_seconds: found.left(now),
            issuer: own.is_none().then_some(found.issuer),
            self_signed: found.self_signed,
            names: found.names,
            not_after: found.not_after,
        }),
        own,
        next_try: progress.next_try.or(progress.renew_at),
        failures: progress.failures,
        last_error: progress.last_error,
    }))
}

impl Status {
    /// Returns the lines for a person.
    pub fn lines(&self, now: u64) -> Vec<String> {
        let mut first = format!("{} on port {}: ", self.domains.join(", "), self.port);
        first += &match (&self.own, &self.certificate) {
            (Some(path), None) => {
                format!("your own certificate, {path}, whose expiry date is unknown")
            }
            (Some(path), Some(found)) => found.ending(&format!("your own certificate, {path},")),
            (None, None) => "no certificate".into(),
            (None, Some(found)) => found.describe(),
        };
        let mut lines = vec![first];
        if let Some(next) = self.next_try {
            let left = i64::try_from(next.saturating_sub(now)).unwrap_or(i64::MAX);
            lines.push(format!(
                "the next request to the authority is in {}",
                progress::days(left)
            ));
        }
        if let Some(error) = &self.last_error {
            lines.push(format!("the last attempt has failed: {error}"));
        }
        lines
    }
}

impl Certificate {
    fn describe(&self) -> String {
        match &self.issuer {
            Some(issuer) if !self.self_signed => {
                self.ending(&format!("the certificate of {issuer}"))
            }
            _ => self.ending("a self-signed certificate, which no client trusts,"),
        }
    }

    fn ending(&self, kind: &str) -> String {
        match self.left_seconds {
            ..=0 => format!("{kind} has expired"),
            left => format!("{kind} expires in {}", progress::days(left)),
        }
    }
}
