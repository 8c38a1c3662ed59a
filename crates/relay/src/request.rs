//! The head of a request: what the relay refuses, and what the server gets.

use http::header::{HOST, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE};
use http::request::Parts;
use http::uri::{Authority, Uri};
use http::{HeaderMap, Method, StatusCode, Version};

use crate::fields;

/// How many header fields nginx accepts from a client by default (`max_headers` of ngx_http_core_module, in EB's nginx
/// and in the distributions' security updates).
const FIELDS: usize = 1000;

/// Why the relay answers a request itself: the status and the text.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal(pub StatusCode, pub &'static str);

/// Turns the head of the client's request into the head for the server. Returns whether the client asks for an upgrade.
///
/// The server gets what nginx would send to it. The statuses of refused requests are nginx's, too. Behind nginx
/// (`direct` is false) a request without Host is allowed: EB's nginx sends no Host if its client sent none.
pub fn prepare(head: &mut Parts, direct: bool) -> Result<bool, Refusal> {
    if direct && head.headers.len() > FIELDS {
        return bad("too many header fields\n");
    }
    check_coding(&head.headers)?;
    check_host(head, direct)?;
    head.uri = target(head)?;
    if head.method == Method::CONNECT {
        const TEXT: &str = "CONNECT is not allowed\n";
        return Err(Refusal(StatusCode::METHOD_NOT_ALLOWED, TEXT));
    }
    Ok(replace_of_connection(head))
}

/// Refuses every transfer coding except a single `chunked`. hyper has already removed a Content-Length beside a
/// Transfer-Encoding (RFC 9112, 6.3).
fn check_coding(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let chunked = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"chunked");
    if codings.next().is_none_or(chunked) && codings.next().is_none() {
        return Ok(());
    }
    Err(Refusal(
        StatusCode::NOT_IMPLEMENTED,
        "the only known transfer coding is chunked\n",
    ))
}

/// Refuses a request without exactly one valid Host (RFC 9112, 3.2). A request of HTTP/1.0 may have none.
fn check_host(head: &Parts, direct: bool) -> Result<(), Refusal> {
    let mut hosts = head.headers.get_all(HOST).iter();
    let host = hosts.next();
    if hosts.next().is_some() {
        return bad("more than one Host\n");
    }
    match host {
        // nginx has already checked the Host, by its own rules.
        _ if !direct => Ok(()),
        Some(host) if is_host(host) => Ok(()),
        Some(_) => bad("Host is not valid\n"),
        None if head.version == Version::HTTP_10 => Ok(()),
        None => bad("no Host\n"),
    }
}

fn is_host(value: &HeaderValue) -> bool {
    let authority = Authority::try_from(value.as_bytes());
    authority.is_ok_and(|authority| is_of_origin(&authority))
}

/// Returns whether the authority has a host, and no user's name before the host.
fn is_of_origin(authority: &Authority) -> bool {
    !authority.host().is_empty() && !authority.as_str().contains('@')
}

/// Returns the target in origin form, or `*`. A target in absolute form replaces the Host (RFC 9112, 3.2.2).
fn target(head: &mut Parts) -> Result<Uri, Refusal> {
    const INVALID: &str = "the target of the request is not valid\n";
    let Some(path) = head.uri.path_and_query() else {
        return bad(INVALID);
    };
    if let Some(authority) = head.uri.authority() {
        match HeaderValue::from_str(authority.as_str()) {
            Ok(host) if is_of_origin(authority) => head.headers.insert(HOST, host),
            _ => return bad(INVALID),
        };
    }
    if path == "*" && head.method != Method::OPTIONS {
        return bad(INVALID);
    }
    // This text begins with a slash even if the target had none: `http://example.com?a=b`.
    let target = path.to_string().parse();
    target.or_else(|_| bad(INVALID))
}

/// Replaces the fields of the connection. The new fields only ask for the upgrade that the client asks for, and say
/// whether the client reads trailers. Returns whether the client asks for an upgrade.
fn replace_of_connection(head: &mut Parts) -> bool {
    let headers = &mut head.headers;
    // RFC 9110, 7.8: `Connection` has to name the field, and HTTP/1.0 has no upgrade.
    let asks = head.version == Version::HTTP_11
        && fields::lists(headers, &http::header::CONNECTION, "upgrade");
    let upgrade = headers.get(UPGRADE).cloned().filter(|_| asks);
    let trailers = fields::lists(headers, &TE, "trailers");
    fields::remove_of_connection(headers);
    if trailers {
        fields::add_of_connection(headers, TE, HeaderValue::from_static("trailers"));
    }
    let Some(protocol) = upgrade else {
        return false;
    };
    fields::add_of_connection(headers, UPGRADE, protocol);
    true
}

fn bad<T>(text: &'static str) -> Result<T, Refusal> {
    Err(Refusal(StatusCode::BAD_REQUEST, text))
}

#[cfg(test)]
mod tests;
