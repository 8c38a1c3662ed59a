//! The advice that `init` prints at its end.

use std::path::Path;

use super::args::Args;
use super::manifest;
use super::server::{Built, Server};

/// Returns the next commands. For a server that cargo builds without the library, also returns the lines with which an
/// axum server needs no relay.
pub fn text(dir: &Path, args: &Args, server: &Server, library: &[(&str, String)]) -> String {
    let mut text = String::new();
    if let Server::Built { built, .. } = server
        && !built.uses_library
    {
        text += &lines_for_axum(built, library);
    }
    let (dir, name) = (dir.display(), &args.name);
    text += &format!(
        "Next, in {dir}:

  cargo {name} dist        # builds the bundle
  cargo {name} rehearse    # as root: deploys it on this machine, under load

In its first run, each command compiles flipless, which takes some minutes.
"
    );
    text
}

fn lines_for_axum(built: &Built, library: &[(&str, String)]) -> String {
    let (main, manifest) = &built.places;
    let width = main.len().max(manifest.len());
    format!(
        "If the server listens on $PORT, it works without a change. An axum server needs no relay with these three lines:

  {manifest:width$}  flipless = {}
  {main:width$}  async fn main() -> Result<(), flipless::ServeError> {{
  {main:width$}  flipless::serve(app).await    // in place of axum::serve

Then remove the line `handover` from flipless.toml.

",
        manifest::inline(library)
    )
}
