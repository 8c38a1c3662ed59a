//! Deployments to AWS Elastic Beanstalk that lose nothing.
//!
//! This library is what a server needs for that: it takes over the listening sockets that systemd
//! holds, reports ready only after its own health check has passed, and when it is told to stop it
//! finishes what it has begun. Any axum router or tower service can be served with one call:
//!
//! ```no_run
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), flipless::ServeError> {
//! use axum::{Router, routing::get};
//!
//! let app = Router::new()
//!     .route("/health", get(|| async { "ok" }))
//!     .route("/", get(|| async { "Hello" }));
//! flipless::serve(app).await
//! # }
//! ```
//!
//! [`Server`] has the settings, [`Draining`] and [`Activity`] are what handlers can ask.

pub mod constants;
pub mod layout;

#[cfg(feature = "serve")]
mod activation;
#[cfg(feature = "serve")]
mod drain;
#[cfg(feature = "serve")]
mod health_log;
#[cfg(feature = "serve")]
mod inherited_fd;
#[cfg(feature = "serve")]
mod notice;
#[cfg(feature = "serve")]
mod readiness;
#[cfg(feature = "serve")]
mod serve;

#[cfg(feature = "serve")]
pub use activation::ActivationError;
#[cfg(feature = "serve")]
pub use drain::{Activity, Draining};
#[cfg(feature = "serve")]
pub use readiness::HealthError;
#[cfg(feature = "serve")]
pub use serve::{ServeError, Server, serve};
