//! The endpoints of the demonstration server.

use std::time::Duration;

use axum::body::Body;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Query, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Extension, Json, Router, middleware};
use flipless::{Activity, Draining, Server};
use http_body_util::BodyExt;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_stream::wrappers::ReceiverStream;

use crate::identity::Identity;
use crate::status::Status;

/// How long a client may take to answer the close of a WebSocket.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// All endpoints. Every response has a header with the name of the run.
pub fn app(server: &Server, identity: Identity, unhealthy: bool) -> Router {
    let run = HeaderValue::from_str(&identity.run).unwrap_or(HeaderValue::from_static("none"));
    let health = move || async move {
        if unhealthy {
            (StatusCode::SERVICE_UNAVAILABLE, "unhealthy\n")
        } else {
            (StatusCode::OK, "ok\n")
        }
    };
    Router::new()
        .route("/health", get(health))
        .route("/", get(page))
        .route("/status.json", get(json))
        .route("/slow", get(slow))
        .route("/stream", get(stream))
        .route("/echo", any(echo))
        .route("/upload", post(upload))
        .route("/env", get(env))
        .with_state(identity)
        .layer(Extension(server.activity()))
        .layer(Extension(server.draining()))
        .layer(middleware::map_response(move |response| {
            named(run.clone(), response)
        }))
}

async fn named(run: HeaderValue, mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(HeaderName::from_static("x-flipless-run"), run);
    response
}

async fn page(
    State(identity): State<Identity>,
    Extension(activity): Extension<Activity>,
) -> Response {
    Status::now(&identity, &activity)
        .into_page()
        .into_response()
}

async fn json(
    State(identity): State<Identity>,
    Extension(activity): Extension<Activity>,
) -> Json<Status> {
    Json(Status::now(&identity, &activity))
}

#[derive(Deserialize)]
struct Slow {
    #[serde(default = "a_second")]
    ms: u64,
}

fn a_second() -> u64 {
    1000
}

async fn slow(Query(Slow { ms }): Query<Slow>) -> String {
    const LONGEST: u64 = 60_000;
    let ms = ms.min(LONGEST);
    sleep(Duration::from_millis(ms)).await;
    format!("answered after {ms} ms\n")
}

#[derive(Deserialize)]
struct Stream {
    #[serde(default = "ten")]
    count: u64,
    #[serde(default = "a_second")]
    ms: u64,
}

fn ten() -> u64 {
    10
}

/// Numbered events. The last one, `end`, says whether the stream is complete or the server drains.
///
/// nginx would keep the events until the stream ends. The header `x-accel-buffering` makes nginx send each event at
/// once (`proxy_buffering` in ngx_http_proxy_module).
async fn stream(
    Query(asked): Query<Stream>,
    Extension(draining): Extension<Draining>,
) -> impl IntoResponse {
    let (events, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        let send = |event: Event| events.send(Ok::<_, std::convert::Infallible>(event));
        for number in 1..=asked.count {
            if send(Event::default().data(number.to_string()))
                .await
                .is_err()
            {
                return;
            }
            tokio::select! {
                () = sleep(Duration::from_millis(asked.ms)) => {}
                () = draining.started() => break,
                () = events.closed() => return,
            }
        }
        let reason = if draining.is_draining() {
            "draining"
        } else {
            "complete"
        };
        // This fails only if the client has hung up.
        let _ = send(Event::default().event("end").data(reason)).await;
    });
    (
        [("x-accel-buffering", "no")],
        Sse::new(ReceiverStream::new(receiver)),
    )
}

async fn echo(upgrade: WebSocketUpgrade, Extension(draining): Extension<Draining>) -> Response {
    upgrade.on_upgrade(move |socket| echo_messages(socket, draining))
}

async fn echo_messages(mut socket: WebSocket, draining: Draining) {
    loop {
        let received = tokio::select! {
            received = socket.recv() => received,
            () = draining.started() => return say_goodbye(socket).await,
        };
        let sent = match received {
            Some(Ok(message @ (Message::Text(_) | Message::Binary(_)))) => {
                socket.send(message).await
            }
            // axum answers pings and closes by itself.
            Some(Ok(_)) => Ok(()),
            Some(Err(_)) | None => return,
        };
        if sent.is_err() {
            return;
        }
    }
}

/// Closes with the code 1001, "going away" (RFC 6455, 7.4.1), and waits for the client's close.
async fn say_goodbye(mut socket: WebSocket) {
    let close = CloseFrame {
        code: close_code::AWAY,
        reason: "draining".into(),
    };
    if socket.send(Message::Close(Some(close))).await.is_ok() {
        let answer = async { while let Some(Ok(_)) = socket.recv().await {} };
        let _ = timeout(CLOSE_LIMIT, answer).await;
    }
}

/// Counts the body's bytes without keeping them.
async fn upload(mut body: Body) -> Result<String, StatusCode> {
    let mut bytes = 0_u64;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| StatusCode::BAD_REQUEST)?;
        bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
    Ok(format!("{bytes}\n"))
}

#[derive(Deserialize)]
struct Variable {
    name: String,
}

/// Shows only variables for tests, because the environment may contain secrets.
async fn env(Query(Variable { name }): Query<Variable>) -> Result<String, StatusCode> {
    if !name.starts_with("FLIPLESS_TEST_") || name.contains(['=', '\0']) {
        return Err(StatusCode::NOT_FOUND);
    }
    std::env::var(name).map_err(|_| StatusCode::NOT_FOUND)
}
