//! `Expect: 100-continue`: the client sends its body when the server asks for it (RFC 9110, 10.1.1).

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::{EXPECT, HeaderValue};
use http::{Request, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use hyper::ext::on_informational;
use tokio::sync::Notify;
use tokio::time::timeout;

/// How long a body waits for the server's status 100. A server that doesn't support the expectation never sends this
/// status. Clients have such a limit, too: curl waits for 1 s.
const PATIENCE: Duration = Duration::from_secs(1);

type Wait = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A body that is not read before the server has asked for it. The first read makes hyper ask the client for the body.
pub struct AwaitedBody<B> {
    body: B,
    asked: Option<Wait>,
}

/// Makes the body of a request with the expectation wait for the server's status 100. HTTP/1.0 has no such expectation.
pub fn honour<B>(mut request: Request<B>) -> Request<AwaitedBody<B>> {
    let expected = request.headers().get(EXPECT).map(HeaderValue::as_bytes);
    let expects = request.version() == Version::HTTP_11
        && expected.is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"));
    let asked = expects.then(|| {
        let asked = Arc::new(Notify::new());
        let server = asked.clone();
        on_informational(&mut request, move |answer| {
            if answer.status() == StatusCode::CONTINUE {
                server.notify_one();
            }
        });
        Box::pin(async move {
            let _ = timeout(PATIENCE, asked.notified()).await;
        }) as Wait
    });
    request.map(|body| AwaitedBody { body, asked })
}

impl<B: Body + Unpin> Body for AwaitedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        if let Some(asked) = &mut self.asked {
            ready!(asked.as_mut().poll(context));
            self.asked = None;
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
