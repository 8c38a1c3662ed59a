//! The names of a certificate.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Deserialize, Deserializer, Serialize, de::Error};

/// The longest name (RFC 1035, 2.3.4, without the length bytes).
const LONGEST: usize = 253;

/// A host name in lower case: labels of letters, digits and `-` (RFC 1123, 2.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Domain(String);

impl Domain {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Domain {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Domain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match fault(&text) {
            None => Ok(Self(text.to_ascii_lowercase())),
            Some(fault) => Err(D::Error::custom(format!(
                "{text:?} is not allowed: {fault}"
            ))),
        }
    }
}

/// Returns why a certificate can't have this text as a name; `None` if it can.
fn fault(text: &str) -> Option<&'static str> {
    let host = text
        .strip_prefix('[')
        .and_then(|rest| rest.split(']').next());
    let is_address = |text: &str| {
        text.parse::<Ipv4Addr>().is_ok()
            || text.parse::<Ipv6Addr>().is_ok()
            // A browser reads a host that ends in a number as an IPv4 address (https://url.spec.whatwg.org).
            || text.rsplit('.').next().is_some_and(is_number)
    };
    if text.contains('/') {
        Some("a name is needed, without `https://` and without a path")
    } else if is_address(host.unwrap_or(text)) {
        Some(
            "flipless orders no certificate for an IP address: write the name that DNS has for this address",
        )
    } else if text.contains(':') {
        Some("a name is needed, without a port; `[https] port` sets the port")
    } else if text.contains('*') {
        Some(
            "a wildcard needs a proof in DNS, and flipless proves a name over HTTP (HTTP-01, RFC 8555, 8.3): list \
             each name",
        )
    } else if !text.is_ascii() {
        Some("write its ASCII form, which begins with `xn--` (punycode, RFC 3492)")
    } else if text.ends_with('.') {
        Some("leave out the dot at the end")
    } else if !text.contains('.') {
        Some("a name with a dot is needed, such as shop.example.com")
    } else if text.len() > LONGEST {
        Some("a name has at most 253 characters")
    } else if !text.split('.').all(is_label) {
        Some(
            "between the dots a name has 1 to 63 letters, digits and `-`, and neither begins nor ends with `-`",
        )
    } else {
        None
    }
}

fn is_number(label: &str) -> bool {
    !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_label(label: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&label.len())
        && label.bytes().all(plain)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::fault;

    #[test]
    fn the_names_of_hosts_are_accepted() {
        let long = format!("{}.example", "a".repeat(63));
        for name in [
            "shop.example.com",
            "WWW.Example.COM",
            "xn--bcher-kva.example",
            "a.b",
            "1.example",
            "a--b.example",
            "shop.us-east-1.elasticbeanstalk.com",
            &long,
        ] {
            assert_eq!(fault(name), None, "{name}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_its_own_reason() {
        let (label, long) = ("a".repeat(64) + ".example", "a.".repeat(126) + "example");
        for (name, why) in [
            ("", "a name with a dot"),
            ("localhost", "a name with a dot"),
            ("https://shop.example.com", "without `https://`"),
            ("shop.example.com/", "without a path"),
            ("shop.example.com:443", "without a port"),
            ("192.0.2.1", "an IP address"),
            ("192.0.2.1:443", "without a port"),
            ("2001:db8::1", "an IP address"),
            ("[2001:db8::1]", "an IP address"),
            ("[2001:db8::1]:443", "an IP address"),
            ("example.1", "an IP address"),
            ("*.example.com", "a wildcard"),
            ("bücher.example", "`xn--`"),
            ("shop.example.com.", "the dot at the end"),
            ("shop..example.com", "between the dots"),
            (".example.com", "between the dots"),
            ("-a.example.com", "between the dots"),
            ("a-.example.com", "between the dots"),
            ("a_b.example.com", "between the dots"),
            ("a b.example.com", "between the dots"),
            ("a;.example.com", "between the dots"),
            ("a\n.example.com", "between the dots"),
            (&label, "between the dots"),
            (&long, "at most 253"),
        ] {
            let said = fault(name).unwrap_or_default();
            assert!(said.contains(why), "{name:?}: {said}");
        }
    }
}
