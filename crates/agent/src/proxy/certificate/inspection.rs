//! The content of a certificate, and whether nginx may show it.

use serde::Deserialize;

/// A certificate, as the program for certificates describes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Inspection {
    /// The names that the certificate covers.
    pub names: Vec<String>,
    /// Seconds since 1970.
    pub not_before: i64,
    /// Seconds since 1970.
    pub not_after: i64,
    /// The name of the signer.
    pub issuer: String,
    /// Whether the certificate is self-signed.
    pub self_signed: bool,
    /// Whether the key in the file belongs to the certificate.
    pub key_matches: bool,
}

impl Inspection {
    /// Returns whether a deployment may keep this certificate. An authority's certificate may stay while it covers any
    /// of the names, because the next one follows soon. A self-signed certificate has to cover all names.
    pub fn still_serves(&self, domains: &[String], now: u64) -> bool {
        let covers = |domain: &String| self.covers(domain);
        let enough = match self.self_signed {
            true => domains.iter().all(covers),
            false => domains.iter().any(covers),
        };
        self.key_matches && enough && !self.is_over(now)
    }

    /// Returns why nginx should not show this certificate; `None` if nothing is wrong with it.
    pub fn fault(&self, domains: &[String], now: u64) -> Option<String> {
        let missing: Vec<&str> = domains
            .iter()
            .filter(|domain| !self.covers(domain))
            .map(String::as_str)
            .collect();
        if !self.key_matches {
            Some("the key does not belong to the certificate".into())
        } else if !missing.is_empty() {
            Some(format!(
                "the certificate does not cover {}",
                missing.join(", ")
            ))
        } else if self.is_over(now) {
            Some("the certificate has expired, or the clock of the instance is wrong".into())
        } else if self.not_before > signed(now) {
            Some("the certificate is not valid yet, or the clock of the instance is wrong".into())
        } else {
            None
        }
    }

    /// Returns whether the certificate expires soon: less than a sixth of its lifetime is left, and less than `longest`
    /// seconds.
    pub fn ends_soon(&self, now: u64, longest: i64) -> bool {
        let life = self.not_after.saturating_sub(self.not_before);
        self.left(now) < (life / 6).min(longest)
    }

    /// Returns the seconds until the certificate expires; negative afterwards.
    pub fn left(&self, now: u64) -> i64 {
        self.not_after.saturating_sub(signed(now))
    }

    fn is_over(&self, now: u64) -> bool {
        self.left(now) <= 0
    }

    /// Returns whether the certificate covers this name. A wildcard stands for one label (RFC 6125, 6.4.3).
    fn covers(&self, domain: &str) -> bool {
        let parent = domain.split_once('.').map(|(_, parent)| parent);
        self.names.iter().any(|name| {
            let wildcard = name.strip_prefix("*.");
            name.eq_ignore_ascii_case(domain)
                || wildcard.is_some_and(|rest| {
                    parent.is_some_and(|parent| rest.eq_ignore_ascii_case(parent))
                })
        })
    }
}

fn signed(seconds: u64) -> i64 {
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str], self_signed: bool) -> Inspection {
        Inspection {
            names: names.iter().map(ToString::to_string).collect(),
            not_before: 1000,
            not_after: 7000,
            issuer: "CN=R1".into(),
            self_signed,
            key_matches: true,
        }
    }

    fn domains(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_authoritys_certificate_stays_while_it_covers_any_name() {
        let both = domains(&["a.example", "b.example"]);
        assert!(of(&["a.example"], false).still_serves(&both, 2000));
        assert!(!of(&["a.example"], true).still_serves(&both, 2000));
        assert!(of(&["A.example", "*.example"], true).still_serves(&both, 2000));
        assert!(!of(&["c.example"], false).still_serves(&both, 2000));
        assert!(!of(&["a.example"], false).still_serves(&both, 7000), "over");
        let mut broken = of(&["a.example"], false);
        broken.key_matches = false;
        assert!(!broken.still_serves(&both, 2000));
    }

    #[test]
    fn a_certificate_that_is_not_fit_has_a_reason() {
        let fault = |names: &[&str], now| {
            of(&["a.example", "*.b.example"], false).fault(&domains(names), now)
        };
        assert_eq!(fault(&["a.example", "x.b.example"], 2000), None);
        let said = fault(&["a.example", "b.example", "x.y.b.example"], 2000).unwrap_or_default();
        assert!(
            said.ends_with("does not cover b.example, x.y.b.example"),
            "{said}"
        );
        assert!(fault(&["a.example"], 7000).is_some_and(|said| said.contains("has expired")));
        assert!(fault(&["a.example"], 999).is_some_and(|said| said.contains("not valid yet")));
    }

    #[test]
    fn a_certificate_ends_soon_in_the_last_sixth_of_its_life() {
        let certificate = of(&[], false);
        let ends_soon = |now| certificate.ends_soon(now, i64::MAX);
        assert!(!ends_soon(6000) && ends_soon(6001) && ends_soon(8000));
        assert!(!certificate.ends_soon(6500, 500) && certificate.ends_soon(6501, 500));
    }

    proptest::proptest! {
        /// No date or clock makes these methods panic.
        #[test]
        fn any_dates_are_judged(before: i64, after: i64, now: u64) {
            let mut certificate = of(&["a.example"], false);
            (certificate.not_before, certificate.not_after) = (before, after);
            let names = domains(&["a.example"]);
            certificate.ends_soon(now, i64::MAX);
            certificate.still_serves(&names, now);
            certificate.fault(&names, now);
        }
    }
}
