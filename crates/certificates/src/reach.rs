//! Tests whether the authority will reach this instance. For this, a test token must come back through the public
//! address of each domain. The test comes before the order, because DNS may not lead here yet, and a failed challenge
//! counts against the authority's limits.

use std::time::Duration;

use bytes::Bytes;
use http::header::{LOCATION, USER_AGENT};
use http::uri::{PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use tokio::task::JoinSet;

use crate::challenge::{self, Challenges, URL_FOLDER};
use crate::failure::Failure;
use crate::http::Sender;
use crate::names::Names;
use crate::{problem, tls};

/// How long one request may take.
const LIMIT: Duration = Duration::from_secs(15);
/// The maximum number of redirects, which is that of Let's Encrypt (<https://letsencrypt.org/docs/challenge-types/>).
const REDIRECTS: usize = 10;

/// Publishes a token, and fetches it from each domain.
///
/// # Errors
/// If a domain does not return the token. The reason names each such domain.
pub async fn test(
    names: &Names,
    challenges: &mut Challenges,
    instead: Option<&str>,
) -> Result<(), Failure> {
    let (token, content) = challenge::random()
        .zip(challenge::random())
        .ok_or(Failure::Random)?;
    challenges
        .publish(&token, &content)
        .map_err(Failure::Challenge)?;
    let mut fetches = JoinSet::new();
    for name in names.iter() {
        let sender = Sender {
            tls: tls::unverified(),
            limit: LIMIT,
            instead: instead.map(String::from),
        };
        let address = format!("http://{name}{URL_FOLDER}{token}");
        let content = content.clone();
        fetches.spawn(async move {
            let result = fetch(&sender, &address, &content).await;
            result.map_err(|reason| format!("{address}: {reason}"))
        });
    }
    let results = fetches.join_all().await;
    let mut reasons: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    reasons.sort();
    if reasons.is_empty() {
        return Ok(());
    }
    Err(Failure::Unreachable(reasons.join("; ")))
}

/// Fetches the address as an authority does, and compares the answer with `content`.
async fn fetch(sender: &Sender, address: &str, content: &str) -> Result<(), String> {
    let mut uri: Uri = address.parse().map_err(|_| "not an address")?;
    for _ in 0..=REDIRECTS {
        let request = Request::get(uri.clone()).header(USER_AGENT, "flipless-certificates");
        let request = request
            .body(Bytes::new())
            .map_err(|error| error.to_string())?;
        let answer = sender
            .send(request)
            .await
            .map_err(|error| error.to_string())?;
        if !answer.status().is_redirection() {
            return judge(&answer, content);
        }
        uri = target(&uri, &answer).ok_or("the redirect has no valid address")?;
    }
    Err("too many redirects".into())
}

fn judge(answer: &Response<Bytes>, content: &str) -> Result<(), String> {
    let status = answer.status();
    // RFC 8555, section 8.3: the authority ignores white space at the end.
    if status == 200 && answer.body().trim_ascii_end() == content.as_bytes() {
        return Ok(());
    }
    let start = &answer.body()[..answer.body().len().min(60)];
    let words = problem::plain(&String::from_utf8_lossy(start));
    Err(format!(
        "another server or location answers {status} {words:?}"
    ))
}

/// Returns the address that a redirect leads to. Unlike this program, an authority follows a redirect only to the usual
/// ports of `http` and `https`.
fn target(from: &Uri, answer: &Response<Bytes>) -> Option<Uri> {
    let location: Uri = answer
        .headers()
        .get(LOCATION)?
        .to_str()
        .ok()?
        .parse()
        .ok()?;
    let to = location.clone().into_parts();
    let mut parts = from.clone().into_parts();
    if to.authority.is_some() {
        parts.scheme = Some(to.scheme.unwrap_or(Scheme::HTTP));
        parts.authority = to.authority;
    }
    parts.path_and_query = Some(to.path_and_query.unwrap_or(PathAndQuery::from_static("/")));
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn answer(status: u16, location: &str, body: &'static str) -> Response<Bytes> {
        let answer = Response::builder()
            .status(status)
            .header(LOCATION, location);
        answer.body(Bytes::from_static(body.as_bytes())).unwrap()
    }

    #[test]
    fn a_redirect_leads_to_another_scheme_host_or_path() {
        let from = "http://a.example/x".parse().unwrap();
        let to = |location| target(&from, &answer(301, location, "")).map(|uri| uri.to_string());
        assert_eq!(to("https://a.example/x").unwrap(), "https://a.example/x");
        assert_eq!(to("/y?z").unwrap(), "http://a.example/y?z");
        assert_eq!(to("http://b.example").unwrap(), "http://b.example/");
        assert_eq!(to(""), None);
    }

    /// Starts a server that redirects to `https`, and answers there with a certificate that no client trusts. Returns
    /// its address.
    fn redirecting(content: &'static str) -> std::net::SocketAddr {
        use rustls::pki_types::pem::PemObject;
        use rustls::pki_types::{CertificateDer, PrivateKeyDer};
        use rustls::{ServerConfig, ServerConnection, StreamOwned};
        use std::io::{Read, Write};

        let file = crate::self_signed::file(&["a.example".into()], 0).unwrap();
        let chain = vec![CertificateDer::from_pem_slice(file.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(file.as_bytes()).unwrap();
        let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut plain, _) = listener.accept().unwrap();
            let to =
                "HTTP/1.1 301 Moved\r\nLocation: https://a.example/x\r\nContent-Length: 0\r\n\r\n";
            let _ = plain.read(&mut [0; 1024]);
            plain.write_all(to.as_bytes()).unwrap();
            let (secure, _) = listener.accept().unwrap();
            let tls = ServerConnection::new(config.into()).unwrap();
            let mut secure = StreamOwned::new(tls, secure);
            let _ = secure.read(&mut [0; 1024]);
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{content}",
                content.len()
            );
            secure.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn a_redirect_to_https_is_followed_even_if_the_certificate_is_not_trusted() {
        let sender = Sender {
            tls: tls::unverified(),
            limit: LIMIT,
            instead: Some(redirecting("content").to_string()),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let fetched = runtime
            .unwrap()
            .block_on(fetch(&sender, "http://a.example/x", "content"));
        assert_eq!(fetched, Ok(()));
    }

    #[test]
    fn only_the_published_content_counts() {
        assert!(judge(&answer(200, "/", "content\n"), "content").is_ok());
        let other = judge(&answer(200, "/", "<html>"), "content").unwrap_err();
        assert_eq!(
            other,
            "another server or location answers 200 OK \"<html>\""
        );
        assert!(judge(&answer(404, "/", "content"), "content").is_err());
    }
}
