//! A self-signed certificate. nginx needs it to listen with TLS before the authority has issued the first certificate.

use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use time::{Duration, OffsetDateTime};

/// The life in days.
const DAYS: i64 = 90;
/// The name of the issuer, which a browser shows.
const ISSUER: &str = "flipless (self-signed)";

/// Returns the content of a file with a new key and its self-signed certificate.
///
/// # Errors
/// If a name can't be in a certificate.
pub fn file(names: &[String], now: u64) -> Result<String, rcgen::Error> {
    let key = KeyPair::generate()?;
    let mut certificate = CertificateParams::new(names)?;
    certificate.distinguished_name = DistinguishedName::new();
    certificate
        .distinguished_name
        .push(DnType::CommonName, ISSUER);
    certificate.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let now = i64::try_from(now)
        .ok()
        .and_then(|now| OffsetDateTime::from_unix_timestamp(now).ok());
    let now = now.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    // A client's clock may be behind.
    certificate.not_before = now.saturating_sub(Duration::DAY);
    certificate.not_after = now.saturating_add(Duration::days(DAYS));
    let certificate = certificate.self_signed(&key)?;
    Ok(key.serialize_pem() + &certificate.pem())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::certificate::Certificate;
    use crate::clock::DAY;

    #[test]
    fn it_serves_every_name_and_is_no_certificate_of_an_authority() {
        let names = ["a.example", "*.b.example", "10.0.0.1"].map(String::from);
        let now = 1_790_000_000;
        let certificate = Certificate::parse(file(&names, now).unwrap().as_bytes()).unwrap();
        let facts = &certificate.facts;
        assert_eq!(facts.names.to_string(), "*.b.example, 10.0.0.1, a.example");
        assert_eq!(
            (facts.not_before, facts.not_after),
            (now - DAY, now + 90 * DAY)
        );
        assert!(facts.self_signed && facts.key_matches);
        assert_eq!(facts.issuer, format!("CN={ISSUER}"));
        assert_eq!(certificate.current(), None);
    }
}
