//! Parses the owner's own certificate. The agent does this itself, because a bundle with such a certificate does not
//! contain the program for certificates.

use std::time::Duration;

use x509_cert::Certificate;
use x509_cert::der::DecodePem;
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;

use super::Inspection;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Parses the first certificate, which is the server's own; `None` if it is unreadable. An unreadable certificate is no
/// error, because nginx alone decides whether it can use a certificate.
pub fn parse(pem: &[u8]) -> Option<Inspection> {
    let text = String::from_utf8_lossy(pem);
    let block = &text[text.find(BEGIN)?..];
    let block = &block[..block.find(END)? + END.len()];
    let parsed = Certificate::from_pem(block).ok()?;
    let content = parsed.tbs_certificate();
    let seconds = |since: Duration| i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    let validity = content.validity();
    let names = content.get_extension::<SubjectAltName>().ok().flatten();
    let names = names.into_iter().flat_map(|(_, names)| names.0);
    Some(Inspection {
        names: names.filter_map(domain).collect(),
        not_before: seconds(validity.not_before.to_unix_duration()),
        not_after: seconds(validity.not_after.to_unix_duration()),
        issuer: String::new(),
        self_signed: content.issuer() == content.subject(),
        // nginx itself refuses a key that does not match.
        key_matches: true,
    })
}

fn domain(name: GeneralName) -> Option<String> {
    match name {
        GeneralName::DnsName(name) => Some(name.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// A certificate. The test expects the dates that `openssl x509 -dates` prints for it.
    const OWN: &str = include_str!("../../commands/tests/https/own.pem");

    #[test]
    fn the_dates_and_names_of_the_first_certificate_are_read() {
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        for text in [
            OWN.to_owned(),
            format!("{key}{OWN}"),
            format!("Subject: shop\n{OWN}{key}"),
            OWN.replace('\n', "\r\n"),
        ] {
            let found = parse(text.as_bytes()).unwrap();
            assert_eq!(found.names, ["shop.example.com", "*.example.org"]);
            assert_eq!(
                (found.not_before, found.not_after),
                (1_795_747_811, 1_803_523_811)
            );
        }
        assert_eq!(parse(key.as_bytes()), None);
        assert_eq!(parse(OWN.replace("MII", "MIJ").as_bytes()), None);
    }

    proptest! {
        #![proptest_config(flipless_testing::any_input(256))]

        /// No file makes the parser panic.
        #[test]
        fn any_file_is_read_or_not(place in 0..OWN.len(), length in 0..40_usize, by: Vec<u8>) {
            let mut bytes = OWN.as_bytes().to_vec();
            let end = (place + length).min(bytes.len());
            bytes.splice(place..end, by);
            let _ = parse(&bytes);
        }
    }
}
