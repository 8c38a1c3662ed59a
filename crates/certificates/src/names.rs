//! The names that one certificate is for.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Names in lower case, sorted and without duplicates. So two equal sets of names are equal values. An authority also
/// counts certificates by such a set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<String>")]
pub struct Names(Vec<String>);

/// The reason why no authority can confirm a name over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unfit {
    /// There is no name.
    #[error("[https] domains is empty")]
    None,
    /// RFC 8555 has no HTTP challenge for wildcards (section 8.3).
    #[error("{0:?} is a wildcard, which an authority can't confirm over HTTP")]
    Wildcard(String),
    /// The name is not a host name in DNS.
    #[error("{0:?} is not a domain name in ASCII")]
    Syntax(String),
}

impl Names {
    /// Returns the names, if an authority can confirm each of them over HTTP.
    ///
    /// # Errors
    /// If there is no name, or if a name is a wildcard or not a host name.
    ///
    /// ```
    /// use flipless_certificates::names::Names;
    /// let names = Names::for_order(&["B.example".into(), "a.example.".into(), "b.example".into()]).unwrap();
    /// assert_eq!(names.to_string(), "a.example, b.example");
    /// assert!(Names::for_order(&["*.example".into()]).is_err());
    /// ```
    pub fn for_order(names: &[String]) -> Result<Self, Unfit> {
        let names = Self::from(names.to_vec());
        if names.0.is_empty() {
            return Err(Unfit::None);
        }
        for name in &names.0 {
            if name.starts_with("*.") {
                return Err(Unfit::Wildcard(name.clone()));
            }
            if !is_host(name) {
                return Err(Unfit::Syntax(name.clone()));
            }
        }
        Ok(names)
    }

    /// Returns whether a certificate for these names is valid for all of `others`. The certificate may have more names:
    /// some authorities add one, such as `www.`.
    pub fn contain(&self, others: &Self) -> bool {
        others.iter().all(|name| {
            self.0
                .binary_search_by(|own| own.as_str().cmp(name))
                .is_ok()
        })
    }

    /// Returns an iterator over the names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl From<Vec<String>> for Names {
    fn from(names: Vec<String>) -> Self {
        let plain = |name: String| name.trim_end_matches('.').to_ascii_lowercase();
        let mut names: Vec<String> = names.into_iter().map(plain).collect();
        names.sort();
        names.dedup();
        Self(names)
    }
}

impl fmt::Display for Names {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join(", "))
    }
}

/// Returns whether this is a host name with at least two labels (RFC 1123, section 2.1). The name becomes part of a
/// URL.
fn is_host(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253
        && name.contains('.')
        && name.split('.').all(label)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn order_case_and_a_final_dot_make_no_difference() {
        let names =
            |words: &[&str]| Names::from(Vec::from_iter(words.iter().map(|w| (*w).to_owned())));
        assert_eq!(
            names(&["b.example.", "A.example"]),
            names(&["a.example", "b.example", "B.example"])
        );
        assert_ne!(names(&["a.example"]), names(&["a.example", "b.example"]));
    }

    #[test]
    fn a_name_that_no_challenge_over_http_can_confirm_is_refused() {
        for name in [
            "*.example.com",
            "localhost",
            "10.0.0.1",
            "a..b",
            "-a.example",
            "mü.example",
            "a/b.example",
            "::1",
            "",
        ] {
            assert!(Names::for_order(&[name.into()]).is_err(), "{name:?}");
        }
        assert_eq!(Names::for_order(&[]), Err(Unfit::None));
        for name in ["shop.example.com", "xn--m-xda.example", "a1.b-c.museum"] {
            assert!(Names::for_order(&[name.into()]).is_ok(), "{name:?}");
        }
    }

    proptest! {
        #![proptest_config(flipless_testing::any_input(256))]
        #[test]
        fn an_accepted_name_is_a_part_of_a_url_and_nothing_else(name in "[a-zA-Z0-9.*/:@ _-]{0,20}") {
            if let Ok(names) = Names::for_order(std::slice::from_ref(&name)) {
                let uri: http::Uri = format!("http://{}/x", names.iter().next().unwrap()).parse().unwrap();
                prop_assert_eq!(uri.host().unwrap(), name.trim_end_matches('.').to_ascii_lowercase());
                prop_assert_eq!(uri.path(), "/x");
            }
        }
    }
}
