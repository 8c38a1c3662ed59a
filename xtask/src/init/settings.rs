//! The `flipless.toml` of another repository.

use std::path::Path;

use anyhow::{Context, Result};
use flipless_settings::Config;
use toml_edit::Value;

use super::server::{Built, Server};

const RELAY: &str = "\
# The server listens on $PORT. The relay of flipless accepts the connections and passes them on. If the server uses
# flipless's library, it needs no relay: remove this line.
handover = \"port\"
";
const HEALTH: &str = "\
# A new version takes requests once it has answered this path with one of these statuses. Set your own path.
health-path = \"/\"
health-statuses = \"200-499\"
";

/// Returns the text of the file.
///
/// # Errors
/// If flipless.toml does not allow a name of the repository, for example the name of a file.
pub fn text(dir: &Path, server: &Server) -> Result<String> {
    let name = match server {
        Server::Built { built, .. } => built.name.clone(),
        Server::Started { .. } => dir.file_name().unwrap_or_default().to_string_lossy().into(),
    };
    let mut text = format!(
        "# The settings of flipless. The flipless.toml in flipless's own repository lists every key.\n\n\
         [app]\nname = {}\n\n[server]\n",
        quoted(&app_name(&name))
    );
    let files = match server {
        Server::Built { built, files } => {
            text += &lines_of(built);
            files
        }
        Server::Started { command, files } => {
            text += &format!("command = {}\n", quoted(command));
            files
        }
    };
    text += HEALTH;
    if !files.is_empty() {
        let files: Vec<_> = files
            .iter()
            .map(|name| format!("    {},\n", quoted(name)))
            .collect();
        text += &format!(
            "\n[bundle]\n# The files that were here when `init` ran.\ninclude = [\n{}]\n",
            files.concat()
        );
    }
    let path = dir.join("flipless.toml");
    Config::parse(&text, &path).context("cannot write settings for this repository")?;
    Ok(text)
}

fn lines_of(built: &Built) -> String {
    let mut lines = "manifest = \"Cargo.toml\"\n".to_owned();
    if let Some(package) = &built.package {
        lines += &format!("package = {}\n", quoted(package));
    }
    lines += &format!("bin = {}\n", quoted(&built.bin));
    if !built.uses_library {
        lines += RELAY;
    }
    lines
}

/// Returns the name with `-` in place of each character that is not allowed in an application's name.
fn app_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let name: String = name.chars().map(plain).take(60).collect();
    match name.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        true => name,
        false => format!("app{name}"),
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
