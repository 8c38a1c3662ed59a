//! What to do after `init`.

use std::path::Path;

use super::args::Args;
use super::manifest;
use super::server::{Built, Server};

/// The next commands, and the lines that let an axum server work without the relay.
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

The first time, each of them compiles flipless for some minutes.
"
    );
    text
}

fn lines_for_axum(built: &Built, library: &[(&str, String)]) -> String {
    let (main, manifest) = &built.places;
    let width = main.len().max(manifest.len());
    format!(
        "The server works as it is if it listens on $PORT. An axum server can do without the relay, with three lines:

  {manifest:width$}  flipless = {}
  {main:width$}  async fn main() -> Result<(), flipless::ServeError> {{
  {main:width$}  flipless::serve(app).await    // in place of axum::serve

Then remove the line `handover` from flipless.toml.

",
        manifest::inline(library)
    )
}
