//! How clients send requests and judge answers: the headers of every request, and the server's usual status.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};

use super::request::Answer;
use crate::record::Outcome;

/// How clients send requests and judge answers. The default adds no header, and expects a status from 200 to 299.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manner {
    /// Headers of every request, for example those that a load balancer adds.
    pub headers: HeaderMap,
    /// Another status that counts as a success for quick requests ([`Kind::is_quick`](crate::record::Kind::is_quick)),
    /// because it is the server's usual answer to their path.
    pub expected: Option<u16>,
}

impl Manner {
    /// Returns the outcome of an answer. The expected status is a success.
    pub(super) fn judge(&self, answer: &Answer) -> Outcome {
        match answer.outcome {
            Outcome::Status(status) if self.expected == Some(status) => Outcome::Ok,
            outcome => outcome,
        }
    }
}

/// Parses `NAME: VALUE`.
///
/// # Errors
/// If the text is not a header.
pub fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let error = || "expected NAME: VALUE, such as `X-Forwarded-Proto: https`".to_owned();
    let (name, value) = text.split_once(':').ok_or_else(error)?;
    let name = HeaderName::try_from(name.trim()).map_err(|_| error())?;
    let value = HeaderValue::try_from(value.trim()).map_err(|_| error())?;
    Ok((name, value))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::parse_header;

    #[test]
    fn a_header_has_a_name_and_a_value() {
        let (name, value) = parse_header("X-Forwarded-Proto: https").unwrap();
        assert_eq!(
            (name.as_str(), value.as_bytes()),
            ("x-forwarded-proto", &b"https"[..])
        );
        for text in ["", "https", "a b: c", "a: b\nc"] {
            assert!(
                parse_header(text).unwrap_err().contains("NAME: VALUE"),
                "{text:?}"
            );
        }
    }
}
