//! The header fields that belong to one connection and not to the message.

use http::HeaderMap;
use http::header::{CONNECTION, HeaderName, HeaderValue, TE, UPGRADE};

/// The fields that end at the relay (RFC 9110, 7.6.1), besides those that frame a body.
///
/// A `Connection` field may name more fields. The relay passes them on, as nginx does
/// (`ngx_http_proxy_headers`). Otherwise a client could remove a field that the load balancer has set, such as
/// X-Forwarded-For.
const OF_CONNECTION: [HeaderName; 5] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    UPGRADE,
];

/// Returns whether the field ends at the relay.
#[cfg(test)]
pub fn is_of_connection(name: &HeaderName) -> bool {
    OF_CONNECTION.contains(name)
}

/// Removes the fields that end at the relay.
pub fn remove_of_connection(headers: &mut HeaderMap) {
    for name in OF_CONNECTION {
        headers.remove(name);
    }
}

/// Returns whether a field whose value is a list contains this word, with or without parameters.
pub fn lists(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).any(|part| {
        let part = part.split(';').next().unwrap_or_default();
        part.trim().eq_ignore_ascii_case(word)
    })
}

/// Adds a field, and its name to `Connection`.
pub fn add_of_connection(headers: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
    headers.append(CONNECTION, HeaderValue::from_name(name.clone()));
    headers.insert(name, value);
}
