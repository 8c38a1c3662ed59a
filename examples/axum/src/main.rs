//! An existing axum application. Three lines changed for flipless: the dependency in Cargo.toml, the return
//! type of `main`, and its last line. That line was
//!
//! ```ignore
//! axum::serve(tokio::net::TcpListener::bind("127.0.0.1:5000").await?, app).await
//! ```

use axum::Router;
use axum::routing::get;

#[tokio::main]
async fn main() -> Result<(), flipless::ServeError> {
    let app = Router::new()
        .route("/", get(|| async { "Hello from axum\n" }))
        .route("/health", get(|| async { "ok\n" }));
    flipless::serve(app).await
}
