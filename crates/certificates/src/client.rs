//! The HTTP client for [`instant_acme`], which itself sets no time-outs.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::uri::Scheme;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body_util::BodyExt;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};

use crate::back_off::LONGEST;
use crate::http::Sender;
use crate::problem;

/// The longest pause between two requests about an order, in seconds. The program does not wait longer, even if the
/// authority asks for more time. ZeroSSL asks for a day (<https://github.com/acmesh-official/acme.sh/issues/6221>), but
/// is ready after some seconds or hours. Later calls of `renew` continue such an order.
const LONGEST_POLL: u64 = 10;

/// An answer that is neither a success nor a problem document.
#[derive(Debug, thiserror::Error)]
#[error("the authority answered {reason}")]
pub struct NoAcme {
    status: StatusCode,
    reason: String,
}

impl NoAcme {
    /// Returns whether another try would get the same answer. This is so for every client error except three (RFC 9110,
    /// section 15.5.9; RFC 8470, section 5.2; RFC 6585, section 4).
    pub fn is_lasting(&self) -> bool {
        let passes = [
            StatusCode::REQUEST_TIMEOUT,
            StatusCode::TOO_EARLY,
            StatusCode::TOO_MANY_REQUESTS,
        ];
        self.status.is_client_error() && !passes.contains(&self.status)
    }
}

/// The seconds that the authority asked to wait in its last answer, if this answer was an error.
#[derive(Clone, Default)]
pub struct RetryAfter(Arc<Mutex<Option<u64>>>);

impl RetryAfter {
    /// Returns the seconds.
    pub fn get(&self) -> Option<u64> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the seconds.
    pub fn forget(&self) {
        self.set(None);
    }

    fn set(&self, seconds: Option<u64>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = seconds;
    }
}

/// An address of the authority without TLS (RFC 8555, section 6.1). Anyone on the network path could change the
/// answers.
#[derive(Debug, thiserror::Error)]
#[error("{0} is not an https address")]
pub struct Insecure(Uri);

/// Sends the requests, and remembers how long the authority asks to wait after an error.
#[derive(Clone)]
pub struct Client {
    /// Sends each request.
    pub sender: Sender,
    /// How long the authority asks to wait.
    pub retry_after: RetryAfter,
}

impl Client {
    async fn exchange(self, request: Request<BodyWrapper<Bytes>>) -> Result<BytesResponse, Error> {
        let (parts, body) = request.into_parts();
        if parts.uri.scheme() != Some(&Scheme::HTTPS) {
            return Err(Error::Other(Box::new(Insecure(parts.uri))));
        }
        // Only the request for the time of a renewal has no signature (RFC 9773, section 4.1).
        let is_signed = parts.method == Method::POST;
        // The body is in memory, so reading it can't fail.
        let body = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(never) => match never {},
        };
        let answer = self.sender.send(Request::from_parts(parts, body)).await;
        let mut answer = answer.map_err(|error| Error::Other(Box::new(error)))?;
        let asked = asked(&answer, SystemTime::now());
        let is_success = answer.status().is_success();
        self.retry_after.set(asked.filter(|_| !is_success));
        limit(
            &mut answer,
            asked,
            if is_signed { LONGEST_POLL } else { LONGEST },
        );
        match unreadable(&answer) {
            Some(reason) => {
                let status = answer.status();
                Err(Error::Other(Box::new(NoAcme { status, reason })))
            }
            None => Ok(BytesResponse {
                parts: answer.clone().into_parts().0,
                body: Box::new(answer.into_body()),
            }),
        }
    }
}

impl HttpClient for Client {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        Box::pin(self.clone().exchange(request))
    }
}

/// Describes an answer that is neither a success nor a problem document (RFC 9457), for example a proxy's page; `None`
/// for any other answer.
fn unreadable(answer: &Response<Bytes>) -> Option<String> {
    let status = answer.status();
    let kind = answer
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let is_json = kind.is_some_and(|kind| kind.contains("json"));
    if status.is_success() || (is_json && (status.is_client_error() || status.is_server_error())) {
        return None;
    }
    let start = &answer.body()[..answer.body().len().min(200)];
    let words = problem::plain(&String::from_utf8_lossy(start));
    Some(format!("{status}: {words}"))
}

/// Returns the seconds in `Retry-After`, which is a number or a date (RFC 9110, section 10.2.3).
fn asked(answer: &Response<Bytes>, now: SystemTime) -> Option<u64> {
    let value = answer.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(seconds);
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).map_or(0, |wait| wait.as_secs()))
}

/// Limits `Retry-After`, or removes it if it is unreadable. [`instant_acme`] adds the seconds to a time, and panics if
/// the sum is out of range.
fn limit(answer: &mut Response<Bytes>, asked: Option<u64>, longest: u64) {
    match asked {
        Some(seconds) => answer
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(seconds.min(longest))),
        None => answer.headers_mut().remove(RETRY_AFTER),
    };
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::back_off::{self, Kind};
    use proptest::prelude::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn answer(status: u16, kind: &str, wait: &str) -> Response<Bytes> {
        let answer = Response::builder()
            .status(status)
            .header(CONTENT_TYPE, kind)
            .header(RETRY_AFTER, wait);
        answer.body(Bytes::from_static(b"<p>\nbusy</p>")).unwrap()
    }

    #[test]
    fn retry_after_is_a_number_or_a_date() {
        let asked = |wait| {
            asked(
                &answer(503, "", wait),
                UNIX_EPOCH + Duration::from_secs(784_111_777),
            )
        };
        assert_eq!(asked("120"), Some(120));
        assert_eq!(asked("Sun, 06 Nov 1994 08:49:47 GMT"), Some(10));
        assert_eq!(asked("Tue, 06 Nov 1984 08:49:47 GMT"), Some(0));
        for wrong in ["", "-1", "soon", "99999999999999999999999"] {
            assert_eq!(asked(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #![proptest_config(flipless_testing::any_input(512))]

        /// With any value of the field, [`instant_acme`] gets a number that it can add to the time, or no field.
        #[test]
        fn any_retry_after_becomes_a_short_wait_or_none(
            value in prop_oneof![
                any::<u64>().prop_map(|seconds| seconds.to_string().into_bytes()),
                (0..40_u8, 0..4000_u32, 0..70_u8).prop_map(|(day, year, second)| {
                    format!("Sun, {day:02} Nov {year:04} 08:49:{second:02} GMT").into_bytes()
                }),
                (0..253_402_300_799_u64).prop_map(|date| {
                    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(date)).into_bytes()
                }),
                prop::collection::vec(any::<u8>(), 0..40),
            ],
            now in 0..u64::from(u32::MAX),
            longest in prop::sample::select(vec![LONGEST, LONGEST_POLL]),
        ) {
            let mut answer = answer(503, "", "");
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                answer.headers_mut().insert(RETRY_AFTER, value);
            }
            let now = UNIX_EPOCH + Duration::from_secs(now);
            let asked = asked(&answer, now);
            limit(&mut answer, asked, longest);
            let left = answer.headers().get(RETRY_AFTER).map(|value| value.to_str().unwrap().parse().unwrap());
            prop_assert_eq!(left, asked.map(|seconds| seconds.min(longest)));
            prop_assert!(back_off::wait(Kind::Busy, 1, asked) <= LONGEST);
        }

        /// Any answer has a kind and a reason on one line.
        #[test]
        fn any_answer_is_judged(
            status in 100..600_u16,
            kind in prop::sample::select(vec!["application/problem+json", "text/html", "json", ""]),
            body in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let mut answer = answer(503, kind, "1");
            *answer.status_mut() = StatusCode::from_u16(status).unwrap();
            let answer = answer.map(|_| Bytes::from(body));
            if let Some(reason) = unreadable(&answer) {
                prop_assert!(!reason.chars().any(char::is_control));
            }
        }
    }

    #[test]
    fn an_answer_that_is_no_problem_document_has_a_readable_reason() {
        let reason = unreadable(&answer(502, "text/html", "1")).unwrap();
        assert_eq!(reason, "502 Bad Gateway: <p> busy</p>");
        assert!(unreadable(&answer(302, "application/json", "1")).is_some());
        assert!(unreadable(&answer(403, "application/problem+json", "1")).is_none());
        assert!(unreadable(&answer(200, "application/pem-certificate-chain", "1")).is_none());
    }
}
