//! Finds and checks the command line of a wrapped bundle's server.

use std::path::Path;

use anyhow::Result;
use flipless_settings::procfile::{program, program_in_bundle};

use crate::bundle::{Bundle, Content, Entry};
use crate::dist::procfile::Process;
use crate::ui;

/// The programs that EB's Go platform starts without a Procfile.
const DEFAULTS: [&str; 2] = ["bin/application", "application"];
/// Programs that Amazon Linux 2023 and EB's Go platform do not have.
const NOT_ON_THE_PLATFORM: &[&str] = &[
    "bun", "bundle", "bundler", "caddy", "deno", "dotnet", "gunicorn", "java", "node", "nodejs",
    "npm", "npx", "php", "php-fpm", "pnpm", "puma", "python", "python2", "rackup", "rails", "ruby",
    "uvicorn", "yarn",
];
/// The folders in which the platform has its programs.
const FOLDERS: [&str; 4] = ["/bin/", "/usr/bin/", "/usr/local/bin/", "/usr/sbin/"];

/// Returns the command line of `web`, or of a default program of the platform.
///
/// # Errors
/// If there is neither a Procfile with `web` nor one of the platform's default programs.
pub fn of_web(processes: &[Process], bundle: &Bundle, zip: &Path) -> Result<String> {
    if let Some(web) = processes.iter().find(|process| process.name == "web") {
        return Ok(web.command.clone());
    }
    let default = DEFAULTS.iter().find(|name| bundle.get(name).is_some());
    match default {
        // Without a slash, a shell would look for the program in PATH.
        Some(program) if processes.is_empty() => Ok(format!("./{program}")),
        _ => Err(ui::advised(
            format!(
                "{} has no Procfile with a line `web: COMMAND`, and no executable {}",
                zip.display(),
                DEFAULTS.join(" or ")
            ),
            [
                "add a Procfile to the root of the zip, for example with the line `web: bin/server`",
                "if EB's platform compiles the program on the instance, compile it before you pack the zip",
            ],
        )),
    }
}

/// Checks the program that the line starts. A shell interprets the line, so this function checks only a program that
/// the line names directly.
///
/// # Errors
/// If the program is missing in the bundle or on the platform, has no exec bit, or is a script whose interpreter the
/// platform lacks.
pub fn check(line: &str, bundle: &Bundle, zip: &Path) -> Result<()> {
    if let Some(name) = program(line).and_then(on_path) {
        return on_platform(name, &format!("`web: {line}` starts `{name}`"), bundle);
    }
    let Some(file) = program_in_bundle(line).filter(|_| bundle.get("Buildfile").is_none()) else {
        return Ok(());
    };
    let Some(entry) = bundle.get(file) else {
        return Err(ui::advised(
            format!(
                "`web: {line}` starts {file}, which is not in {}",
                zip.display()
            ),
            ["paths are relative to the root of the zip"],
        ));
    };
    if !entry.executable() && !entry.is_link() {
        return Err(ui::advised(
            format!("`web: {line}` starts {file}, which has no exec bit"),
            [
                "run `chmod +x` on it, and pack the zip with a tool that stores Unix modes, such as `zip`",
            ],
        ));
    }
    match interpreter(entry) {
        Some(name) => on_platform(name, &format!("{file} is a script for `{name}`"), bundle),
        None => Ok(()),
    }
}

/// Returns the name of a program that the shell finds on PATH or in one of [`FOLDERS`]. `None` for any other path.
fn on_path(program: &str) -> Option<&str> {
    let in_folder = FOLDERS
        .iter()
        .find_map(|folder| program.strip_prefix(folder));
    in_folder.or_else(|| (!program.contains('/')).then_some(program))
}

/// Returns the name of a script's interpreter.
fn interpreter(entry: &Entry) -> Option<&str> {
    let Content::Script(line) = &entry.content else {
        return None;
    };
    let mut words = line.trim_start_matches("#!").split_whitespace();
    let name = words.next()?.rsplit('/').next()?;
    match name {
        "env" => words.find(|word| !word.starts_with('-') && !word.contains('=')),
        name => Some(name),
    }
}

/// Checks that the platform has the program `name`. Warns if the platform lacks the program, but a file of the bundle
/// may install it.
///
/// # Errors
/// If the platform lacks the program, and no hook or file in `.ebextensions` mentions it.
fn on_platform(name: &str, what: &str, bundle: &Bundle) -> Result<()> {
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    // Amazon Linux 2023 has Python 3.9.
    if ["python3", "python3.9"].contains(&name)
        || ![name, bare]
            .iter()
            .any(|name| NOT_ON_THE_PLATFORM.contains(name))
    {
        return Ok(());
    }
    let installers = [".ebextensions/", ".platform/hooks/"];
    let mut texts = bundle.entries.iter().filter(|entry| {
        installers
            .iter()
            .any(|folder| entry.name.starts_with(folder))
    });
    let mentioned = texts.find(|entry| {
        let text = entry.text().map(String::from_utf8_lossy);
        text.is_some_and(|text| text.contains(bare))
    });
    match mentioned {
        Some(entry) => {
            ui::warning(format!(
                "{what}, which EB's Go platform lacks; {} has to install it",
                entry.name
            ));
            Ok(())
        }
        None => Err(ui::advised(
            format!("{what}, which EB's Go platform lacks"),
            [
                "flipless runs on EB's Go platform; install the program there in a prebuild hook or with `packages` in \
                 .ebextensions",
            ],
        )),
    }
}
