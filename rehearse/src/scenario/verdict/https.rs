//! Checks and notes about the clients of HTTPS, apart from failures.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::record::{Certificate, Kind, Outcome, Record};
use crate::scenario::check::Check;
use crate::summary::unprocessed;

/// Returns the checks; none without clients of HTTPS.
pub(super) fn of(records: &[Record]) -> Vec<Check> {
    if !records.iter().any(|record| record.kind.is_tls()) {
        return Vec::new();
    }
    [
        Some(resumed(records)),
        left(records),
        Some(certificates(records)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Checks that at least one client resumed a session. A single one is enough: when the server forgets its ticket keys,
/// clients make full handshakes. A server without ticket keys resumes no session at all.
fn resumed(records: &[Record]) -> Check {
    let resumed = |record: &&Record| record.kind == Kind::TlsResumed && record.outcome.answered();
    let count = records.iter().filter(resumed).count();
    let fault = "no client could resume a TLS session";
    Check::new(fault, count > 0, "every handshake was a full one")
}

fn left(records: &[Record]) -> Option<Check> {
    let count = unprocessed(records);
    let all = records.iter().filter(|record| record.kind == Kind::Http2);
    let detail = format!(
        "{count} of {} HTTP/2 requests, at {}",
        all.count(),
        times(records)
    );
    let text = "the server left requests unprocessed; a client may send them again (RFC 9113, 6.8)";
    (count > 0).then(|| Check::note(text, detail))
}

fn times(records: &[Record]) -> String {
    let left = |record: &&Record| record.outcome == Outcome::Unprocessed;
    let mut times: Vec<_> = records.iter().filter(left).map(seconds).collect();
    times.dedup();
    times.join(", ")
}

fn seconds(record: &Record) -> String {
    format!("{:.1} s", record.at.as_secs_f64())
}

/// Returns a note about the certificates, in the order of their first handshakes.
fn certificates(records: &[Record]) -> Check {
    let mut seen: BTreeMap<Certificate, (Duration, usize)> = BTreeMap::new();
    for record in records {
        if let Some(certificate) = record.certificate {
            let (_, count) = seen.entry(certificate).or_insert((record.at, 0));
            *count += 1;
        }
    }
    let mut seen: Vec<_> = seen.into_iter().collect();
    seen.sort_by_key(|(_, (first, _))| *first);
    let line = |(certificate, (first, count)): &(Certificate, (Duration, usize))| {
        let name = &certificate.to_string()[..16];
        let first = first.as_secs_f64();
        format!("{name}… from {first:.1} s, in {count} handshakes")
    };
    let lines: Vec<_> = seen.iter().map(line).collect();
    Check::note("certificates that the server sent", lines.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(at: u64, kind: Kind, outcome: Outcome, certificate: Option<u8>) -> Record {
        Record {
            at: Duration::from_secs(at),
            kind,
            latency: Duration::ZERO,
            outcome,
            run: None,
            certificate: certificate.map(|byte| Certificate([byte; 32])),
        }
    }

    fn said(records: &[Record]) -> Vec<String> {
        of(records).iter().map(Check::to_string).collect()
    }

    #[test]
    fn without_https_nothing_is_said() {
        let plain = record(0, Kind::New, Outcome::Ok, None);
        assert_eq!(of(&[plain]), []);
    }

    #[test]
    fn certificates_and_unprocessed_requests_are_named() {
        let records = [
            record(0, Kind::Tls, Outcome::Ok, Some(0xbb)),
            record(1, Kind::TlsResumed, Outcome::Ok, None),
            record(2, Kind::Tls, Outcome::Ok, Some(0xaa)),
            record(3, Kind::Tls, Outcome::Ok, Some(0xaa)),
            record(4, Kind::Http2, Outcome::Unprocessed, None),
            record(4, Kind::Http2, Outcome::Ok, None),
        ];
        let said = said(&records);
        assert!(of(&records).iter().all(|check| check.ok));
        assert!(
            said[1].ends_with("(1 of 2 HTTP/2 requests, at 4.0 s)"),
            "{said:?}"
        );
        assert!(
            said[2].ends_with(
                "(bbbbbbbbbbbbbbbb… from 0.0 s, in 1 handshakes; aaaaaaaaaaaaaaaa… from 2.0 s, in 2 handshakes)"
            ),
            "{said:?}"
        );
    }

    #[test]
    fn a_server_that_resumes_no_session_is_a_fault() {
        let records = [record(0, Kind::Tls, Outcome::Ok, Some(1))];
        assert!(!of(&records)[0].ok);
    }
}
