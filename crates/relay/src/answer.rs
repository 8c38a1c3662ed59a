//! The head of an answer: the parts that the relay passes on to the client.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::response::Parts;
use http::{HeaderMap, StatusCode, Version};

use crate::fault::Fault;
use crate::fields;

/// Turns the head of the server's answer into the head for the client. Returns whether the connection changes to
/// another protocol.
pub fn prepare(head: &mut Parts, upgrade: bool) -> Result<bool, Fault> {
    let switches = head.status == StatusCode::SWITCHING_PROTOCOLS;
    if switches && !upgrade {
        return Err(bad("status 101 without a request for an upgrade"));
    }
    let protocol = head.headers.get(UPGRADE).cloned().filter(|_| switches);
    fields::remove_of_connection(&mut head.headers);
    if let Some(protocol) = protocol {
        fields::add_of_connection(&mut head.headers, UPGRADE, protocol);
    }
    remove_framing(&mut head.headers)?;
    if head.status == StatusCode::NOT_MODIFIED {
        // A 304 may carry the length that the body of a 200 would have (RFC 9110, 8.6). hyper would take this length
        // for that of the 304's body.
        head.headers.remove(CONTENT_LENGTH);
    }
    // The server may speak HTTP/1.0. hyper itself adapts the answer to the client's version.
    head.version = Version::HTTP_11;
    Ok(switches)
}

/// Removes `Transfer-Encoding`, because hyper frames the body again. Like nginx, refuses an unknown coding, and refuses
/// two lengths, because they may be a sign of response splitting (RFC 9112, 6.3).
fn remove_framing(headers: &mut HeaderMap) -> Result<(), Fault> {
    let lengths = headers.get_all(CONTENT_LENGTH).iter().count();
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let coding = codings.next();
    if lengths > 1 || lengths == 1 && coding.is_some() {
        return Err(bad("more than one length"));
    }
    let known = coding.is_none_or(|value| value.as_bytes().eq_ignore_ascii_case(b"chunked"));
    if !known || codings.next().is_some() {
        return Err(bad("an unknown transfer coding"));
    }
    headers.remove(TRANSFER_ENCODING);
    Ok(())
}

fn bad(why: &str) -> Fault {
    Fault::BadAnswer(why.to_owned())
}

#[cfg(test)]
mod tests;
